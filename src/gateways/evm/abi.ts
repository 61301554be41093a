/** The little of Solidity's contract ABI that is used here: words, and lists of words. Hexadecimal without 0x. */
const WORD = 64

export function encodeNumber(value: bigint): string {
  return value.toString(16).padStart(WORD, '0')
}

/** `address`: with 0x. */
export function encodeAddress(address: string): string {
  return address.slice(2).toLowerCase().padStart(WORD, '0')
}

/** The arguments of a call; a list is a dynamic one, of addresses or numbers already encoded. */
export function encodeArguments(args: readonly (string | readonly string[])[]): string {
  let heads = ''
  let tails = ''
  for (const arg of args) {
    if (typeof arg === 'string') heads += arg
    else {
      heads += encodeNumber(BigInt((args.length * WORD + tails.length) / 2))
      tails += encodeNumber(BigInt(arg.length)) + arg.join('')
    }
  }
  return heads + tails
}

/**
 * The words of arguments of these kinds, where they are encoded as `encodeArguments` does it: to the last bit, with no
 * word more or less. Null for any other encoding, even one that a contract would take for the same.
 */
export function decodeArguments(text: string, kinds: readonly ('word' | 'list')[]): (string | readonly string[])[] | null {
  const words = text.match(/.{1,64}/g) ?? []
  const args: (string | readonly string[])[] = []
  let tail = kinds.length
  for (const [at, kind] of kinds.entries()) {
    const head = words[at]
    if (head === undefined) return null
    if (kind === 'word') args.push(head)
    else {
      const count = Number(`0x${words[tail] ?? ''}`)
      if (!Number.isSafeInteger(count) || count > words.length) return null
      args.push(words.slice(tail + 1, tail + 1 + count))
      tail += 1 + count
    }
  }
  return encodeArguments(args) === text ? args : null
}

/** Null where the word is no address. */
export function decodeAddress(word: string): string | null {
  return /^0{24}[0-9a-f]{40}$/.test(word) ? `0x${word.slice(24)}` : null
}
