import fc from 'fast-check'
import { expect, test } from 'vitest'
import { csv } from '../../src/api/csv.ts'

test('cells with commas, quotes and line ends are quoted; lines end with CRLF', () => {
  expect(csv([['a', 'b,c', 'd"e', 'f\ng', null, 7]])).toBe('a,"b,c","d""e","f\ng",,7\r\n')
  expect(csv([['a'], ['b']])).toBe('a\r\nb\r\n')
})

test.each(['=1+1', '+1', '-1+2', '@SUM(A1)', '\t=1', '\r=1', '\n=1', '＝1', '-', '--1', '-1e9', '-.5'])(
  '%j is not run by a spreadsheet',
  (text) => {
    expect(csv([[text]]).replace(/^"/, '')).toMatch(/^'/)
  },
)

test('numbers stay numbers, and other text stays as it is', () => {
  for (const text of ['-1', '-0.00000001', '12.50', '0', 'ltx_1', 'wallet:wal_a', 'ß ✓', "'quoted"])
    expect(csv([[text]])).toBe(`${text}\r\n`)
})

/** What quoting and formulas are about, and what they are not. */
const special = fc.constantFrom(...',"\r\n\t=+-@\'＝ a1.ß✓')

test('what was written can be read again, whatever is in the cells', () => {
  const table = fc.array(fc.array(fc.string({ unit: special, maxLength: 8 }), { minLength: 2, maxLength: 4 }), {
    minLength: 1,
    maxLength: 5,
  })
  fc.assert(
    fc.property(table, (rows) => {
      const read = parse(csv(rows))
      expect(read.map((row) => row.map((cell) => cell.replace(/^'(?=[=+\-@\t\r\n＝＋－＠])/, '')))).toEqual(
        rows.map((row) => row.map((cell) => cell.replace(/^'(?=[=+\-@\t\r\n＝＋－＠])/, ''))),
      )
    }),
  )
})

/** RFC 4180, read letter by letter. */
function parse(text: string): string[][] {
  const rows: string[][] = []
  let [row, cell, isQuoted]: [string[], string, boolean] = [[], '', false]
  for (let at = 0; at < text.length; at++) {
    const char = text[at] as string
    if (isQuoted) {
      if (char !== '"') cell += char
      else if (text[at + 1] === '"') cell += text[++at]
      else isQuoted = false
    } else if (char === '"' && cell === '') isQuoted = true
    else if (char === ',' || (char === '\r' && text[at + 1] === '\n')) {
      row.push(cell)
      cell = ''
      if (char === ',') continue
      rows.push(row)
      row = []
      at++
    } else cell += char
  }
  return rows
}
