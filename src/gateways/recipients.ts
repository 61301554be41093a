import { formatDecimal } from '../money/amount.ts'
import type { ChainConfig } from '../money/chain.ts'
import { dustLimit } from './bitcoin/fees.ts'
import { recipientScript } from './bitcoin/recipient.ts'
import { readPayee } from './evm/payee.ts'
import type { Output } from './spend.ts'

/** What is wrong with an output, and in words that go on after the name of that field why. */
interface RecipientFault {
  readonly field: 'address' | 'amount'
  readonly detail: string
}

/**
 * Why nothing is sent to an output of this chain; null when it can be. What plans refuse too, told before a transfer is
 * made: the slip of whoever typed an address, and what would be lost.
 */
export function recipientFault(chain: ChainConfig, output: Output): RecipientFault | null {
  return FAULTS[chain.gateway](chain, output)
}

const FAULTS: Record<ChainConfig['gateway'], (chain: ChainConfig, output: Output) => RecipientFault | null> = {
  bitcoin(chain, { address, units }) {
    const script = recipientScript(chain, address)
    if (!script.ok) return badAddress(chain, script.error)
    const least = dustLimit(chain, script.value)
    const { code, decimals } = chain.native
    const detail = `must be at least ${formatDecimal(least, decimals)} ${code}: nodes pass on nothing smaller to this address`
    return units >= least ? null : { field: 'amount', detail }
  },
  evm(chain, output) {
    const payee = readPayee(chain, output, 0)
    return payee.ok || payee.error.reason !== 'bad_output' ? null : badAddress(chain, payee.error.detail)
  },
}

function badAddress({ name }: ChainConfig, why: string): RecipientFault {
  return { field: 'address', detail: `must be one that can be paid on ${name}: ${why}` }
}
