import { Address, OutScript } from '@scure/btc-signer'
import { err, ok, type Result } from '../../lib/result.ts'
import type { ChainConfig } from '../../money/chain.ts'
import { ALL_COINS, type Coin, coinOf } from './coins.ts'

/** Longer than any address; what is over it is not looked at. */
const LENGTH_MAX = 120

/** Addresses inside Litecoin's extension block, of its mainnet and of its test networks (LIP 3). */
const MWEB = /^(ltcmweb|tmweb)1/i

/**
 * The scriptPubKey of an address that somebody wants money sent to, or in words why nothing is sent there. P2PKH, P2SH
 * (base58check), P2WPKH, P2WSH (BIP 173) and P2TR (BIP 350) of this chain's network.
 */
export function recipientScript(chain: ChainConfig, address: string): Result<Uint8Array, string> {
  if (MWEB.test(address))
    return err('it is an address inside MWEB, which is not paid from here; give one that starts with ltc1 or L')
  if (address.length > LENGTH_MAX) return err('it is no address')
  const script = scriptAt(coinOf(chain).networks[chain.network], address)
  if (script) return ok(script)
  const other = ownerOf(address)
  return err(other === null ? 'it is no address, or a character of it is wrong' : `it is an address of ${other}`)
}

function scriptAt(network: Coin['networks']['mainnet'], address: string): Uint8Array | null {
  try {
    const coder = Address(network)
    const decoded = coder.decode(address)
    // Anybody may spend it (BIP 433).
    if (decoded.type === 'p2a') return null
    // BIP 173: upper case throughout is the same address, for QR codes.
    const canonical = coder.encode(decoded)
    return canonical === address || canonical.toUpperCase() === address ? OutScript.encode(decoded) : null
  } catch {
    return null
  }
}

/** Which coin and network of the family an address is of. */
function ownerOf(address: string): string | null {
  for (const coin of ALL_COINS)
    for (const [name, network] of Object.entries(coin.networks)) if (scriptAt(network, address)) return `${coin.name} ${name}`
  return null
}
