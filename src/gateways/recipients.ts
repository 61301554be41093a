import { formatDecimal } from '../money/amount.ts'
import type { ChainConfig } from '../money/chain.ts'
import { dustLimit } from './bitcoin/fees.ts'
import { recipientScript } from './bitcoin/recipient.ts'
import { readPayee } from './evm/payee.ts'
import type { Output } from './spend.ts'

/**
 * Why nothing is sent to an output of this chain, in words; null when it can be. What plans refuse too, told before a
 * transfer is made: the slip of whoever typed an address, and what would be lost.
 */
export function recipientFault(chain: ChainConfig, output: Output): string | null {
  return FAULTS[chain.gateway](chain, output)
}

const FAULTS: Record<ChainConfig['gateway'], (chain: ChainConfig, output: Output) => string | null> = {
  bitcoin(chain, { address, units }) {
    const script = recipientScript(chain, address)
    if (!script.ok) return script.error
    const least = dustLimit(chain, script.value)
    const { code, decimals } = chain.native
    return units >= least ? null : `nodes pass nothing under ${formatDecimal(least, decimals)} ${code} on to it`
  },
  evm(chain, output) {
    const payee = readPayee(chain, output, 0)
    return payee.ok || payee.error.reason !== 'bad_output' ? null : payee.error.detail
  },
}
