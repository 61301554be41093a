import { err, ok, type Result } from '../../lib/result.ts'
import { parseDecimal } from '../../money/amount.ts'
import { readIban } from './iban.ts'
import { findReference, readReference } from './reference.ts'
import { childAt, readXml, textAt, textsAt, type XmlElement, type XmlRefusal } from './xml.ts'

/** camt.053: a statement, of a day mostly. camt.052: a report within the day. camt.054: word of single entries. */
export type StatementKind = 'camt.052' | 'camt.053' | 'camt.054'

export interface Statement {
  readonly kind: StatementKind
  readonly id: string
  /** Null where the account is named otherwise. */
  readonly iban: string | null
  /** Rising number that the bank gives; null where it gives none. */
  readonly sequence: bigint | null
  /** Booked balances; null where the message has none. */
  readonly opening: Balance | null
  readonly closing: Balance | null
  readonly movements: readonly Movement[]
  /** Entries that are only announced (`INFO`, `FUTR`), or of nothing: they move nothing. */
  readonly announced: number
}

export interface Balance {
  /** Cents; below zero for a debit balance. */
  readonly cents: bigint
  /** `YYYY-MM-DD` */
  readonly date: string
}

/** What a batch entry is known by in messages that do not take it apart. */
export interface Batch {
  readonly direction: 'credit' | 'debit'
  readonly bankReference: string
  readonly cents: bigint
}

/** One transfer: an entry, or one of the transactions of a batch entry. */
export interface Movement {
  readonly direction: 'credit' | 'debit'
  readonly status: 'booked' | 'pending'
  /** Over zero. */
  readonly cents: bigint
  /** Booking day, else value day; `YYYY-MM-DD`. */
  readonly date: string
  /** The bank gives no booking day: `date` is the value day. */
  readonly valueDated?: true
  /** When it was booked, as exactly as the bank says; the first moment of the day else. */
  readonly atMs: number
  /** What the bank calls it (`AcctSvcrRef`); null when it says nothing, or says that it has none. */
  readonly bankReference: string | null
  readonly endToEndId: string | null
  readonly transactionId: string | null
  /** Creditor reference: structured, else the one found in the text. */
  readonly reference: string | null
  /** Free text of the payer. */
  readonly text: string
  /** Of a credit the debtor, of a debit the creditor. */
  readonly counterparty: { readonly name: string | null; readonly iban: string | null }
  /** The batch entry that this is one transaction of; null for an entry of its own. */
  readonly batch: Batch | null
  /** One of several in an entry without a reference: nobody can tell which entry that is in another message. */
  readonly loose?: true
  /** The entry comes without any word about its transactions, which another message may have. */
  readonly bare: boolean
  /** It takes back an earlier movement of the other direction. */
  readonly takesBack: boolean
  /** Why, in the bank's code (`AC04`, `MS03`). */
  readonly returnReason: string | null
}

export type CamtRefusal =
  | XmlRefusal
  | { readonly reason: 'not_a_statement' | 'other_currency' | 'too_many_entries'; readonly detail: string }

/** Statements in one file, and movements in all of them. */
const STATEMENTS_MAX = 100
const MOVEMENTS_MAX = 10_000
const TEXT_MAX = 500
/** ISO 20022: an amount has 18 digits at most. */
const CENTS_MAX = 10n ** 18n - 1n
const NAME_MAX = 140
const REFERENCE_MAX = 35

const KINDS: Readonly<Record<string, { readonly kind: StatementKind; readonly item: string }>> = {
  BkToCstmrAcctRpt: { kind: 'camt.052', item: 'Rpt' },
  BkToCstmrStmt: { kind: 'camt.053', item: 'Stmt' },
  BkToCstmrDbtCdtNtfctn: { kind: 'camt.054', item: 'Ntfctn' },
}

/** What banks write where they have no reference. */
const NO_REFERENCE = ['NONREF', 'NOTPROVIDED', 'NOTAVAILABLE', 'NONE']

/**
 * Reads camt.052, .053 and .054 of every version since .02, whatever prefix their names have. Pure; no text makes it
 * throw. Amounts in another currency than euro are refused: nothing is guessed.
 */
export function readCamt(text: string): Result<readonly Statement[], CamtRefusal> {
  const document = readXml(text)
  if (!document.ok) return document
  const root = document.value.name === 'Document' ? document.value.children[0] : document.value
  const form = root && Object.hasOwn(KINDS, root.name) ? KINDS[root.name] : undefined
  if (!root || !form) return err({ reason: 'not_a_statement', detail: 'the file is no camt.052, camt.053 or camt.054' })
  const items = root.children.filter(({ name }) => name === form.item)
  if (items.length === 0) return err({ reason: 'not_a_statement', detail: `there is no ${form.item} in the file` })
  if (items.length > STATEMENTS_MAX) return err({ reason: 'too_many_entries', detail: `more than ${STATEMENTS_MAX} statements` })
  const statements: Statement[] = []
  let movements = 0
  for (const item of items) {
    const statement = readStatement(item, form.kind)
    if (!statement.ok) return statement
    movements += statement.value.movements.length
    if (movements > MOVEMENTS_MAX) return err({ reason: 'too_many_entries', detail: `more than ${MOVEMENTS_MAX} transactions` })
    statements.push(statement.value)
  }
  return ok(joinPages(statements))
}

/** A long statement comes in pages of one id: only the first has an opening, and only the last a closing balance. */
function joinPages(statements: readonly Statement[]): Statement[] {
  const joined: Statement[] = []
  for (const page of statements) {
    const before = joined.at(-1)
    const isNext = before?.id === page.id && before.iban === page.iban && before.closing === null && page.opening === null
    if (!before || !isNext) joined.push(page)
    else {
      const movements = [...before.movements, ...page.movements]
      joined[joined.length - 1] = { ...before, closing: page.closing, movements, announced: before.announced + page.announced }
    }
  }
  return joined
}

function readStatement(item: XmlElement, kind: StatementKind): Result<Statement, CamtRefusal> {
  const id = textAt(item, 'Id').slice(0, REFERENCE_MAX)
  const opening = readBalance(item, ['OPBD', 'PRCD'])
  if (!opening.ok) return opening
  const closing = readBalance(item, ['CLBD'])
  if (!closing.ok) return closing
  const movements: Movement[] = []
  let announced = 0
  for (const entry of item.children.filter(({ name }) => name === 'Ntry')) {
    const read = readEntry(entry)
    if (!read.ok) return err({ ...read.error, detail: `statement ${id}: ${read.error.detail}` })
    if (read.value === null) announced++
    else movements.push(...read.value)
    if (movements.length > MOVEMENTS_MAX) break
  }
  const sequence = textAt(item, 'LglSeqNb') || textAt(item, 'ElctrncSeqNb')
  return ok({
    kind,
    id,
    iban: readIban(textAt(item, 'Acct/Id/IBAN')),
    sequence: /^\d{1,18}$/.test(sequence) ? BigInt(sequence) : null,
    opening: opening.value,
    closing: closing.value,
    movements,
    announced,
  })
}

/** The first of these kinds that there is. Of several pages only the first has an opening, and the last a closing balance. */
function readBalance(item: XmlElement, codes: readonly string[]): Result<Balance | null, CamtRefusal> {
  for (const code of codes) {
    const found = item.children.find((child) => child.name === 'Bal' && textAt(child, 'Tp/CdOrPrtry/Cd') === code)
    if (!found) continue
    const cents = readAmount(childAt(found, 'Amt'))
    const date = readDate(childAt(found, 'Dt'))
    const side = readDirection(found)
    if (!cents.ok) return err({ ...cents.error, detail: `balance ${code}: ${cents.error.detail}` })
    if (date === null || side === null)
      return err({ reason: 'not_a_statement', detail: `balance ${code} has no date, or is neither credit nor debit` })
    return ok({ cents: side === 'debit' ? -cents.value : cents.value, date: date.date })
  }
  return ok(null)
}

/** Null for what moves nothing yet. */
function readEntry(entry: XmlElement): Result<Movement[] | null, CamtRefusal> {
  const state = textAt(entry, 'Sts/Cd') || textAt(entry, 'Sts')
  if (state !== 'BOOK' && state !== 'PDNG') return ok(null)
  const cents = readAmount(childAt(entry, 'Amt'))
  if (!cents.ok) return cents
  const direction = readDirection(entry)
  const booked = readDate(childAt(entry, 'BookgDt'))
  const date = booked ?? readDate(childAt(entry, 'ValDt'))
  if (direction === null || date === null)
    return err({ reason: 'not_a_statement', detail: `the entry of ${cents.value} cents has no direction or no date` })
  if (cents.value === 0n) return ok(null)
  const status = state === 'BOOK' ? 'booked' : 'pending'
  const whole: Whole = { direction, cents: cents.value, ...date, ...(booked ? {} : { valueDated: true }), status }
  const transactions = entry.children
    .filter(({ name }) => name === 'NtryDtls')
    .flatMap(({ children }) => children.filter(({ name }) => name === 'TxDtls'))
  if (transactions.length > MOVEMENTS_MAX)
    return err({ reason: 'too_many_entries', detail: `more than ${MOVEMENTS_MAX} transactions in one entry` })
  const [only] = transactions
  if (transactions.length <= 1) return ok([movementOf(entry, only ?? null, whole, true)])
  const parts = partsOf(transactions, whole)
  // Details that do not add up (charges, other currencies) are not counted one by one: a person has to look.
  if (!parts) return ok([movementOf(entry, null, whole, true)])
  return ok(parts.map(({ transaction, part }) => movementOf(entry, transaction, part, false)))
}

type Whole = Pick<Movement, 'direction' | 'status' | 'cents' | 'date' | 'atMs' | 'valueDated'>

/** The transactions of a batch, each with its own amount; null when they are not the entry's together. */
function partsOf(transactions: readonly XmlElement[], whole: Whole): { transaction: XmlElement; part: Whole }[] | null {
  const parts: { transaction: XmlElement; part: Whole }[] = []
  let sum = 0n
  for (const transaction of transactions) {
    const cents = readAmount(childAt(transaction, 'Amt') ?? childAt(transaction, 'AmtDtls/TxAmt/Amt'))
    if (!cents.ok || cents.value === 0n) return null
    const direction = readDirection(transaction) ?? whole.direction
    sum += direction === whole.direction ? cents.value : -cents.value
    parts.push({ transaction, part: { ...whole, direction, cents: cents.value } })
  }
  return sum === whole.cents ? parts : null
}

/** `isOnly`: it is all of the entry, not one transaction of several. */
function movementOf(entry: XmlElement, transaction: XmlElement | null, whole: Whole, isOnly: boolean): Movement {
  const { direction } = whole
  const own = transaction && known(textAt(transaction, 'Refs/AcctSvcrRef'))
  const information = transaction && childAt(transaction, 'RmtInf')
  const text = information ? textsAt(information, 'Ustrd').join('') : ''
  const structured = information ? textsAt(information, 'Strd/CdtrRefInf/Ref').flatMap((ref) => readReference(ref) ?? []) : []
  const [reference, ...more] = new Set(structured)
  const other = direction === 'credit' ? 'Dbtr' : 'Cdtr'
  const parties = transaction && childAt(transaction, 'RltdPties')
  const name = parties ? textAt(parties, `${other}/Nm`) || textAt(parties, `${other}/Pty/Nm`) : ''
  const returned = transaction && childAt(transaction, 'RtrInf')
  const returnReason = returned ? textAt(returned, 'Rsn/Cd') || textAt(returned, 'Rsn/Prtry') : ''
  const batchReference = known(textAt(entry, 'AcctSvcrRef'))
  const batchCents = readAmount(childAt(entry, 'Amt'))
  return {
    ...whole,
    batch:
      isOnly || batchReference === null || !batchCents.ok
        ? null
        : { direction: readDirection(entry) ?? direction, bankReference: batchReference, cents: batchCents.value },
    ...(isOnly || batchReference !== null ? {} : { loose: true as const }),
    bare: transaction === null,
    bankReference: own ?? (isOnly ? known(textAt(entry, 'AcctSvcrRef')) : null),
    endToEndId: transaction && known(textAt(transaction, 'Refs/EndToEndId')),
    transactionId: transaction && known(textAt(transaction, 'Refs/TxId')),
    reference: (more.length > 0 ? null : reference) ?? (structured.length === 0 ? findReference(text) : null),
    text: (text || (transaction && textAt(transaction, 'AddtlTxInf')) || textAt(entry, 'AddtlNtryInf')).slice(0, TEXT_MAX),
    counterparty: {
      name: name.slice(0, NAME_MAX) || null,
      iban: parties && readIban(textAt(parties, `${other}Acct/Id/IBAN`)),
    },
    takesBack: textAt(entry, 'RvslInd') === 'true' || textAt(entry, 'RvslInd') === '1' || returned !== null,
    returnReason: returnReason.slice(0, REFERENCE_MAX) || null,
  }
}

function readDirection(element: XmlElement): Movement['direction'] | null {
  const code = textAt(element, 'CdtDbtInd')
  return code === 'CRDT' ? 'credit' : code === 'DBIT' ? 'debit' : null
}

/** Cents of an amount element. XML's decimals may have a sign and bare points; no one rounds. */
function readAmount(element: XmlElement | null): Result<bigint, CamtRefusal> {
  const text = element?.text ?? ''
  const currency = element?.attributes.Ccy ?? ''
  if (currency !== 'EUR') return err({ reason: 'other_currency', detail: `an amount in ${currency.slice(0, 10) || 'no currency'}` })
  const written = /^\+?(\d*)(?:\.(\d*))?$/.exec(text)
  const cents = parseDecimal(`${written?.[1] || '0'}.${written?.[2] || '0'}`, 2)
  const isAmount = written !== null && /\d/.test(text) && cents.ok && cents.value <= CENTS_MAX
  return isAmount && cents.ok ? ok(cents.value) : err({ reason: 'not_a_statement', detail: `the amount ${text.slice(0, 30)}` })
}

/** `<Dt>` or `<DtTm>`. A time without an offset is taken as UTC. */
function readDate(element: XmlElement | null): Pick<Movement, 'date' | 'atMs'> | null {
  if (element === null) return null
  const text = textAt(element, 'DtTm') || textAt(element, 'Dt')
  const date = text.slice(0, 10)
  const dayMs = Date.parse(`${date}T00:00:00Z`)
  if (!/^\d{4}-\d{2}-\d{2}$/.test(date) || Number.isNaN(dayMs)) return null
  // JavaScript takes the 30th of February for the 2nd of March.
  if (new Date(dayMs).toISOString().slice(0, 10) !== date) return null
  const atMs = /T.*(Z|[+-]\d{2}:\d{2})$/.test(text) ? Date.parse(text) : Date.parse(`${text}Z`)
  return { date, atMs: text.length > 10 && !Number.isNaN(atMs) ? atMs : dayMs }
}

function known(reference: string): string | null {
  const text = reference.slice(0, REFERENCE_MAX)
  return text === '' || NO_REFERENCE.includes(text.replace(/[^A-Za-z]/g, '').toUpperCase()) ? null : text
}
