import { type WrittenStatement, writeCamt } from '../../scripts/bank/statement.ts'
import { hashApiKey } from '../../src/auth/api-keys.ts'
import type { ImportReport, StatementFile } from '../../src/bank/rpc.ts'
import { readBankAddress } from '../../src/gateways/sepa/address.ts'
import { readCamt } from '../../src/gateways/sepa/camt.ts'
import { checkDigits } from '../../src/gateways/sepa/iban.ts'
import type { StoreConfig } from '../../src/invoice/types.ts'
import { sha256Hex } from '../../src/lib/ids.ts'
import { provisionStore } from '../../src/storage/provision.ts'
import { storeByKeyHash } from '../../src/storage/stores.ts'
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

/** A store that takes euro on an account of its own. */
export async function newStore(changes: object = {}): Promise<StoreConfig> {
  const made = await provisionStore(testEnv, { name: 'Shop', wallets: [bankWallet(newIban())], ...changes }, Date.now())
  if (!made.ok) throw new Error(made.error.detail)
  const found = await storeByKeyHash(testEnv.DIRECTORY, await hashApiKey(made.value.apiKey))
  if (!found) throw new Error('the store was made')
  return found.store
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
