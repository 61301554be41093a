import { type WrittenStatement, writeCamt } from '../../scripts/bank/statement.ts'
import type { ImportReport, StatementFile } from '../../src/bank/rpc.ts'
import { readBankAddress } from '../../src/gateways/sepa/address.ts'
import { readCamt } from '../../src/gateways/sepa/camt.ts'
import { checkDigits } from '../../src/gateways/sepa/iban.ts'
import type { StoreConfig } from '../../src/invoice/types.ts'
import { sha256Hex } from '../../src/lib/ids.ts'
import { testEnv } from '../storage/databases.ts'

let accounts = 0

/** An IBAN that no other test has. */
export function newIban(): string {
  const rest = `37040044${String(Date.now() * 1_000 + accounts++).slice(-10)}`
  return `DE${checkDigits('DE', rest)}${rest}`
}

export function bankWallet(iban: string) {
  return { account: { iban, holder: 'Northwind Coffee GmbH' }, assets: ['EUR'] }
}

export async function fileOf(store: StoreConfig, ...statements: WrittenStatement[]): Promise<StatementFile> {
  const text = writeCamt(...statements)
  const read = readCamt(text)
  if (!read.ok) throw new Error(read.error.detail)
  return { hash: await sha256Hex(text), merchantId: store.merchantId, statements: read.value }
}

/** The bank account of a store, as its statements see it. */
export function accountOf(store: StoreConfig) {
  const [account] = store.bankAccounts ?? []
  if (!account) throw new Error('the store has no bank account')
  const object = testEnv.BANKS.getByName(account.id)
  return {
    ...account,
    object,
    async take(...statements: Omit<WrittenStatement, 'iban'>[]): Promise<ImportReport> {
      const file = await fileOf(store, ...statements.map((statement) => ({ ...statement, iban: account.iban })))
      const taken = await object.take(file)
      if (!taken.ok) throw new Error(taken.error.detail)
      return taken.value
    },
  }
}

export function referenceIn(address: string | undefined): string {
  const read = readBankAddress(address ?? '')
  if (!read) throw new Error(`${address} is no bank address`)
  return read.reference
}
