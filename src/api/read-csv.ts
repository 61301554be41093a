import { err, ok, type Result } from '../lib/result.ts'

export interface CsvRecord {
  /** Of the text where the record begins, counted from 1. */
  readonly line: number
  readonly cells: readonly string[]
}

export interface CsvFault {
  readonly line: number
  readonly detail: string
}

/**
 * Reads CSV as RFC 4180 has it: commas, quotes around what needs them and doubled inside, lines that end with CRLF, or LF
 * as most programs write them. Lines with nothing in them are left out, and are counted in `line` alone. At most
 * `recordsMax` records, the header among them; one pass, whatever the text.
 */
export function readCsv(text: string, recordsMax: number): Result<CsvRecord[], CsvFault> {
  const records: CsvRecord[] = []
  let at = 0
  let line = 1
  while (at < text.length) {
    const first = line
    const cells: string[] = []
    for (;;) {
      const cell = text[at] === '"' ? quotedCell(text, at, line) : plainCell(text, at, line)
      if (!cell.ok) return cell
      cells.push(cell.value.text)
      at = cell.value.end
      line = cell.value.line
      if (text[at] !== ',') break
      at++
    }
    at += text[at] === '\r' ? 2 : 1
    line++
    // Spreadsheets write a line of commas where a row is empty.
    if (cells.every((cell) => cell.trim() === '')) continue
    if (records.length === recordsMax)
      return err({ line: first, detail: `there are more than ${recordsMax - 1} lines under the header` })
    records.push({ line: first, cells })
  }
  return ok(records)
}

interface Cell {
  readonly text: string
  /** Where the comma or the end of the line after it is. */
  readonly end: number
  readonly line: number
}

function plainCell(text: string, start: number, line: number): Result<Cell, CsvFault> {
  let end = start
  while (end < text.length && !',"\r\n'.includes(text.charAt(end))) end++
  if (text[end] === '"') return err({ line, detail: 'a quote stands inside of a cell that does not begin with one' })
  return isEnd(text, end)
    ? ok({ text: text.slice(start, end), end, line })
    : err({ line, detail: 'a line ends with CR alone: it must be CRLF or LF' })
}

function quotedCell(text: string, start: number, firstLine: number): Result<Cell, CsvFault> {
  let line = firstLine
  const parts: string[] = []
  let from = start + 1
  for (;;) {
    const quote = text.indexOf('"', from)
    if (quote < 0) return err({ line: firstLine, detail: 'a quote is opened and never closed' })
    const part = text.slice(from, quote)
    parts.push(part)
    for (let at = part.indexOf('\n'); at >= 0; at = part.indexOf('\n', at + 1)) line++
    from = quote + 1
    if (text[from] !== '"') break
    parts.push('"')
    from++
  }
  return isEnd(text, from)
    ? ok({ text: parts.join(''), end: from, line })
    : err({ line, detail: 'something stands after a closing quote' })
}

function isEnd(text: string, at: number): boolean {
  return at >= text.length || text[at] === ',' || text[at] === '\n' || (text[at] === '\r' && text[at + 1] === '\n')
}
