/** What an ERC-20 transfer looks like (EIP-20), as a log and as a call. */
export interface TokenMove {
  /** Lower case, with 0x. */
  readonly from: string
  readonly to: string
  readonly units: bigint
}

/** keccak256('Transfer(address,address,uint256)') */
export const TRANSFER_TOPIC = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef'
/** transfer(address,uint256) */
export const TRANSFER = '0xa9059cbb'
/** transferFrom(address,address,uint256) */
const TRANSFER_FROM = '0x23b872dd'
/** balanceOf(address) */
export const BALANCE_OF = '0x70a08231'
const WORD = 64

/** A Transfer log of an ERC-20; null for anything else, such as an ERC-721, whose third argument is a topic. */
export function readTransferLog(log: { topics: readonly string[]; data: string }): TokenMove | null {
  const [topic, from, to, ...more] = log.topics
  if (topic !== TRANSFER_TOPIC || from === undefined || to === undefined || more.length > 0) return null
  return readMove(from.slice(2), to.slice(2), log.data.slice(2))
}

/**
 * What a call of a token's `transfer` or `transferFrom` is about to move. Exact encoding only: no word more or less.
 * Says nothing of whether the call will succeed.
 */
export function readTransferCall(sender: string, input: string): TokenMove | null {
  const words = input.slice(10)
  const senderWord = sender.slice(2).padStart(WORD, '0')
  if (input.startsWith(TRANSFER)) return readMove(senderWord, words.slice(0, WORD), words.slice(WORD))
  if (input.startsWith(TRANSFER_FROM)) {
    return readMove(words.slice(0, WORD), words.slice(WORD, 2 * WORD), words.slice(2 * WORD))
  }
  return null
}

/** Each argument is one word exactly, so what is too short or too long to be that is no move. */
function readMove(from: string, to: string, units: string): TokenMove | null {
  const fromAddress = readAddress(from)
  const toAddress = readAddress(to)
  if (fromAddress === null || toAddress === null || units.length !== WORD) return null
  return { from: fromAddress, to: toAddress, units: BigInt(`0x${units}`) }
}

/** An address is the low 20 bytes of a word whose other bytes are zero. */
function readAddress(word: string): string | null {
  return word.length === WORD && /^0{24}/.test(word) ? `0x${word.slice(24)}` : null
}
