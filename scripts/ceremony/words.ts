import { randomInt } from 'node:crypto'
import { createInterface } from 'node:readline/promises'
import { generateMnemonic, validateMnemonic } from '@scure/bip39'
import { wordlist } from '@scure/bip39/wordlists/english'
import { Refusal } from '../stack/tool.ts'

/** 24 words (BIP 39). */
const ENTROPY_BITS = 256
const COLUMNS = 4
const WORDS_ASKED = 3
const TRIES_MAX = 3
const INPUT_BYTES_MAX = 4_096

export function newWords(): string {
  return generateMnemonic(wordlist, ENTROPY_BITS)
}

/** Null when they are a BIP 39 mnemonic: every word known, the checksum right. */
export function wordsFault(words: string): string | null {
  const count = words.split(' ').length
  if (![12, 15, 18, 21, 24].includes(count)) return `These are ${count} words; a backup has 12, 15, 18, 21 or 24.`
  const position = words.split(' ').findIndex((word) => !wordlist.includes(word))
  if (position >= 0) return `Word ${position + 1} is none of the list (BIP 39, English).`
  return validateMnemonic(words, wordlist) ? null : 'The words do not belong together: one is wrong, or their order is.'
}

export function showWords(words: string): void {
  const numbered = words.split(' ').map((word, at) => `${String(at + 1).padStart(2)} ${word.padEnd(10)}`)
  console.log('\nThe backup of these wallets. Write it on paper; it is shown once.\n')
  for (let at = 0; at < numbered.length; at += COLUMNS)
    console.log(
      `  ${numbered
        .slice(at, at + COLUMNS)
        .join(' ')
        .trimEnd()}`,
    )
  console.log()
}

/** Asks for some of the words, so that they are on paper; then takes them off the screen. Throws a `Refusal` after some tries. */
export async function confirmWords(words: string, screen: Screen = process): Promise<void> {
  const all = words.split(' ')
  const positions = new Set<number>()
  while (positions.size < WORDS_ASKED) positions.add(randomInt(all.length))
  await onScreen(screen, async (ask) => {
    for (const position of [...positions].sort((one, other) => one - other)) {
      let isRight = false
      for (let tries = 0; tries < TRIES_MAX && !isRight; tries++) {
        const typed = await ask(`Word ${position + 1}: `)
        isRight = typed.trim().toLowerCase() === all[position]
        if (!isRight) console.log('That is another word.')
      }
      if (!isRight)
        throw new Refusal('The words are not on paper: nothing was written, and these words are worth nothing. Begin anew.')
    }
  })
}

/** Where words are shown and typed. */
export interface Screen {
  readonly stdin: NodeJS.ReadableStream
  readonly stdout: NodeJS.WritableStream
}

/** Whatever comes of it, Ctrl-C too, no word stays on the screen or in what can be scrolled back to. */
async function onScreen<T>(
  { stdin, stdout }: Screen,
  work: (ask: (question: string) => Promise<string>) => Promise<T>,
): Promise<T> {
  const terminal = createInterface({ input: stdin, output: stdout, terminal: true, historySize: 0 })
  try {
    return await work((question) => terminal.question(question))
  } catch (error) {
    if (error instanceof Error && error.name === 'AbortError') throw new Refusal('Broken off: nothing was written.')
    throw error
  } finally {
    terminal.close()
    // ECMA-48 ED; 3 is xterm's.
    stdout.write('\u001b[2J\u001b[3J\u001b[H')
  }
}

/** The words of a backup, from the terminal or from standard input. */
export async function readWords(fromTerminal: boolean, screen: Screen = process): Promise<string> {
  if (fromTerminal) return onScreen(screen, async (ask) => tidy(await ask('The words of the backup, in one line: ')))
  let text = ''
  for await (const chunk of process.stdin) {
    text += String(chunk)
    if (text.length > INPUT_BYTES_MAX) throw new Refusal('These are more than words of a backup.')
  }
  return tidy(text)
}

function tidy(text: string): string {
  return text.trim().toLowerCase().split(/\s+/).join(' ')
}
