import { err, ok, type Result } from '../../lib/result.ts'
import { assetsOf, type ChainConfig } from '../../money/chain.ts'
import type { Output, PlanRefusal } from '../spend.ts'
import { checksumAddress } from './address.ts'

/** Over any amount of any asset: one word. */
const UNITS_MAX = 2n ** 256n - 1n
/** EIP-1352 keeps 0x0000 to 0xffff for precompiled contracts. */
const RESERVED = /^0x0{36}/

/**
 * Who is paid, in lower case with 0x. Refuses an address that is none, whose capitals do not fit (EIP-55: one written in
 * capitals and small letters was checked by whoever wrote it), and those where money is lost for certain.
 */
export function readPayee(chain: ChainConfig, { address, units }: Output, position: number): Result<string, PlanRefusal> {
  const refuse = (detail: string): Result<never, PlanRefusal> => err({ reason: 'bad_output', position, detail })
  if (!/^0x[0-9a-fA-F]{40}$/.test(address)) return refuse('an address is 0x and 40 hexadecimal digits')
  const digits = address.slice(2)
  const payee = `0x${digits.toLowerCase()}`
  const isMixed = /[a-f]/.test(digits) && /[A-F]/.test(digits)
  if (isMixed && checksumAddress(payee.slice(2)) !== address)
    return refuse('the capitals of the address do not fit: a digit is wrong')
  if (/^0x0{40}$/.test(payee)) return refuse('the zero address: what is sent there is lost')
  if (RESERVED.test(payee)) return refuse('the address of a precompiled contract: what is sent there is lost')
  const token = assetsOf(chain).find(({ contract }) => contract === payee)
  if (token !== undefined) return refuse(`the contract of ${token.code} itself: what is sent there is lost`)
  if (units <= 0n || units > UNITS_MAX) return refuse('an amount is over zero and at most one word')
  return ok(payee)
}
