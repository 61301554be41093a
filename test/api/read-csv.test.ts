import fc from 'fast-check'
import { expect, test } from 'vitest'
import { csv } from '../../src/api/csv.ts'
import { readCsv } from '../../src/api/read-csv.ts'

const records = (text: string) => {
  const read = readCsv(text, 1_000)
  return read.ok ? read.value : read.error
}

test('lines end with CRLF or LF, the last one with or without', () => {
  const both = [
    { line: 1, cells: ['a', 'b'] },
    { line: 2, cells: ['c', ''] },
  ]
  for (const text of ['a,b\r\nc,\r\n', 'a,b\nc,\n', 'a,b\nc,', 'a,b\r\nc,']) expect(records(text)).toEqual(both)
  expect(records('')).toEqual([])
})

test('a quoted cell holds commas, quotes and line ends, and lines are counted through it', () => {
  expect(records('"a,""b""\r\nc\nd",e\nf')).toEqual([
    { line: 1, cells: ['a,"b"\r\nc\nd', 'e'] },
    { line: 4, cells: ['f'] },
  ])
})

test('empty lines are left out and counted, those of commas, spaces and empty quotes too', () => {
  expect(records(',,\n a,\r\n , ,"",\t\nb')).toEqual([
    { line: 2, cells: [' a', ''] },
    { line: 4, cells: ['b'] },
  ])
  expect(records('\n\na\r\n\r\nb')).toEqual([
    { line: 3, cells: ['a'] },
    { line: 5, cells: ['b'] },
  ])
})

test.each([
  ['a,b\n"c,d', 2, 'never closed'],
  ['a\nb,c"d\n', 2, 'inside of a cell'],
  ['a\n\n"b"c\n', 3, 'after a closing quote'],
  ['a\rb', 1, 'CR alone'],
])('%j is refused with its line', (text, line, words) => {
  expect(records(text)).toEqual({ line, detail: expect.stringContaining(words) })
})

test('more records than may be are refused at the first that is too many', () => {
  expect(readCsv('a\nb\n\n', 2)).toMatchObject({ ok: true })
  expect(readCsv('a,\n,\nb,\n,\n,\n', 2)).toMatchObject({ ok: true })
  expect(readCsv('a\nb\n\nc\n', 2)).toEqual({
    ok: false,
    error: { line: 4, detail: 'there are more than 1 lines under the header' },
  })
})

const special = fc.constantFrom(...',"\r\n a1.ß✓;\t')
const cells = fc.array(fc.string({ unit: special, maxLength: 8 }), { minLength: 2, maxLength: 4 })

test('what our own CSV says is read again as it was, with the lines it stands in', () => {
  fc.assert(
    fc.property(fc.array(cells, { maxLength: 6 }), (rows) => {
      const text = csv(rows)
      const read = readCsv(text, 10)
      expect(read.ok).toBe(true)
      if (!read.ok) return
      const plain = (cell: string) => cell.replace(/^'(?=[\t\r\n])/, '')
      let line = 1
      const expected = rows.flatMap((row) => {
        const first = line
        line += csv([row]).split('\n').length - 1
        // One of white space alone is left out, unless csv has put a sign before it.
        return row.some((cell) => /^[\t\r\n]|\S/.test(cell)) ? [{ line: first, cells: row }] : []
      })
      expect(read.value.map((record) => ({ ...record, cells: record.cells.map(plain) }))).toEqual(expected)
    }),
  )
})

test('no text makes it fail otherwise than in words, with a line of the text', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ unit: special, maxLength: 60 }), fc.string({ unit: 'binary-ascii', maxLength: 60 })),
      (text) => {
        const read = readCsv(text, 5)
        const lines = text.split('\n').length
        if (read.ok) for (const record of read.value) expect(record.line).toBeLessThanOrEqual(lines)
        else expect(read.error.line).toBeLessThanOrEqual(lines)
      },
    ),
    { numRuns: 500 },
  )
})
