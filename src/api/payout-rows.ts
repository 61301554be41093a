import { recipientFault } from '../gateways/recipients.ts'
import { readText } from '../lib/body.ts'
import { type Fields, readFields } from '../lib/fields.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { type Registry, registryOf } from '../money/registry.ts'
import { readBody } from './body.ts'
import type { Call } from './call.ts'
import type { Problem, RowError } from './problems.ts'
import { readCsv } from './read-csv.ts'
import { readAddress, readReference, readSendable, readUnits, type Source, sourceOf } from './sending.ts'
import { type StoreWallet, walletsOf } from './wallet-access.ts'

export const ROWS_MAX = 1_000
/** A thousand rows with the longest of everything. */
const ROWS_BYTES_MAX = 512 * 1024

/** What a row may say. */
export const COLUMNS = ['address', 'amount', 'asset', 'reference', 'walletId'] as const
const COLUMNS_NEEDED = ['address', 'amount', 'asset'] as const

/** One payment of a batch. */
export interface PayoutRow {
  /** Of the file, counted from 1, its header included; of a JSON list its place, from 1. */
  readonly line: number
  readonly address: string
  readonly units: bigint
  readonly reference: string | null
  readonly source: Source
}

/** A row as it came. */
interface RawRow {
  readonly line: number
  readonly fields: unknown
}

/** Reads the batch, as CSV or as JSON by its content type. Everything that is wrong with it is told at once, by line. */
export async function readPayoutRows(call: Call): Promise<Result<PayoutRow[], Problem>> {
  const isCsv = /^text\/csv *(; *(charset="?utf-8"?|header="?present"?) *)*$/i.test(call.request.headers.get('content-type') ?? '')
  const raw = isCsv ? await csvRows(call.request) : await jsonRows(call.request)
  if (!raw.ok) return raw
  const registry = registryOf(call.env)
  const wallets = walletsOf(call)
  const rows: PayoutRow[] = []
  const errors: RowError[] = []
  for (const { line, fields } of raw.value) {
    const row = readRow(fields, wallets, registry)
    if (row.ok) rows.push({ line, ...row.value })
    else errors.push({ line, ...row.error })
  }
  return errors.length === 0 ? ok(rows) : badRows(errors, raw.value.length)
}

function readRow(
  raw: unknown,
  wallets: readonly StoreWallet[],
  registry: Registry,
): Result<Omit<PayoutRow, 'line'>, Omit<RowError, 'line'>> {
  const read = readFields(raw, COLUMNS, (fields: Fields) => {
    const asset = readSendable(fields, 'asset', registry)
    return {
      asset,
      address: readAddress(fields, 'address'),
      units: readUnits(fields, 'amount', asset, registry),
      reference: readReference(fields, 'reference'),
      walletId: fields.optional('walletId', (name) => fields.text(name, { max: 100 })),
    }
  })
  if (!read.ok) {
    const { param, detail } = read.error
    return err(param === '' ? { param: null, detail: 'a row must be a JSON object' } : { param, detail })
  }
  const { address, units, reference, asset, walletId } = read.value
  const source = sourceOf(wallets, registry, asset, walletId)
  if (!source.ok) return err({ param: source.error.param, detail: source.error.detail })
  const fault = recipientFault(source.value.chain, { address, units })
  return fault === null
    ? ok({ address, units, reference, source: source.value })
    : err({ param: fault.field, detail: `${fault.field} ${fault.detail}` })
}

async function jsonRows(request: Request): Promise<Result<RawRow[], Problem>> {
  const read = (fields: Fields) => fields.list('rows', 1, ROWS_MAX, (items, name) => items.value(name))
  const body = await readBody(request, ['rows'], read, ROWS_BYTES_MAX)
  if (body.ok) return ok(body.value.value.map((fields, at) => ({ line: at + 1, fields })))
  if (body.error.reason !== 'unsupported_media_type') return body
  return err({ ...body.error, detail: 'send the rows as Content-Type: application/json or text/csv, in UTF-8' })
}

async function csvRows(request: Request): Promise<Result<RawRow[], Problem>> {
  const text = await readText(request, ROWS_BYTES_MAX)
  if (!text.ok) return text.error.reason === 'malformed_json' ? badRows([whole('the file is not UTF-8')], 1) : text
  const read = readCsv(text.value, ROWS_MAX + 1)
  if (!read.ok) return badRows([{ ...read.error, param: null }], 1)
  const [header, ...records] = read.value
  const names = header?.cells.map((name) => name.trim()) ?? []
  const fault = headerFault(names)
  if (fault !== null) return badRows([whole(fault)], 1)
  if (records.length === 0) return badRows([whole('there is no row under the header')], 1)
  const uneven = records.filter(({ cells }) => cells.length !== names.length)
  if (uneven.length > 0) {
    const detail = ({ length }: readonly string[]) =>
      `the line has ${length} cells, the header ${names.length}${length > names.length ? ': a cell with a comma in it must be in quotes' : ''}`
    return badRows(
      uneven.map(({ line, cells }) => ({ line, param: null, detail: detail(cells) })),
      records.length,
    )
  }
  return ok(records.map(({ line, cells }) => ({ line, fields: fieldsOf(names, cells) })))
}

/** Names are only those of `COLUMNS`, each once. An empty cell is a field left out. */
function fieldsOf(names: readonly string[], cells: readonly string[]): Record<string, string> {
  const filled = names.map((name, at) => [name, (cells[at] ?? '').trim()] as const).filter(([, cell]) => cell !== '')
  return Object.fromEntries(filled)
}

function headerFault(names: readonly string[]): string | null {
  const missing = COLUMNS_NEEDED.find((name) => !names.includes(name))
  const needed = `the first line must be a header such as ${COLUMNS.slice(0, 4).join(',')}`
  // Spreadsheets of countries that write 0,5 put semicolons between cells.
  if (names.length === 1 && /[;\t]/.test(names[0] ?? '')) return `${needed}: its cells must have commas between them`
  if (missing !== undefined) return `${needed}: there is no column ${missing}`
  const strange = names.find((name, at) => !COLUMNS.some((known) => known === name) || names.indexOf(name) !== at)
  return strange === undefined ? null : `${needed}: "${strange.slice(0, 50)}" is not known, or there twice`
}

function whole(detail: string): RowError {
  return { line: 1, param: null, detail }
}

function badRows(errors: readonly RowError[], rows: number): Result<never, Problem> {
  const [first] = errors
  const which = rows > 1 ? `${errors.length} of ${rows} rows are not right, the first is` : 'not right is'
  return err({ reason: 'bad_rows', detail: `${which} line ${first?.line}: ${first?.detail}`, errors })
}
