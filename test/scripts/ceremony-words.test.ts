import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { confirmWords, readWords } from '../../scripts/ceremony/words.ts'
import { Refusal } from '../../scripts/stack/tool.ts'

const WORDS = 'abandon ability able about above absent absorb abstract absurd abuse access accident'
const CLEARED = '\u001b[2J\u001b[3J\u001b[H'

/** A terminal that types what is given, one thing for each question. */
function screenThatTypes(type: (question: string) => string) {
  const screen = { stdin: new PassThrough(), stdout: new PassThrough() }
  let shown = ''
  let answered = 0
  screen.stdout.on('data', (chunk) => {
    shown += String(chunk)
    const questions = shown.match(/(Word \d+|in one line): /g) ?? []
    if (questions.length > answered) screen.stdin.write(type(questions[answered++] ?? ''))
  })
  return { screen, shown: () => shown }
}

test('words that are on paper are taken off the screen', async () => {
  const right = (question: string) => `${WORDS.split(' ')[Number(/\d+/.exec(question)?.[0]) - 1]}\r`
  const { screen, shown } = screenThatTypes(right)
  await confirmWords(WORDS, screen)
  expect(shown().endsWith(CLEARED)).toBe(true)
})

test.each([
  ['Ctrl-C', '\u0003'],
  ['Ctrl-D', '\u0004'],
])('%s says that nothing was written, and leaves no word on the screen', async (_name, key) => {
  for (const ask of [confirmWords.bind(null, WORDS), readWords.bind(null, true)]) {
    const { screen, shown } = screenThatTypes(() => key)
    await expect(ask(screen)).rejects.toThrow(new Refusal('Broken off: nothing was written.'))
    expect(shown().endsWith(CLEARED)).toBe(true)
  }
})

test('a backup is read as it is typed, however it is spaced', async () => {
  const { screen } = screenThatTypes(() => `  ${WORDS.toUpperCase().replaceAll(' ', '  ')} \r`)
  expect(await readWords(true, screen)).toBe(WORDS)
})
