import { randomUUID } from 'node:crypto'
import { idOfName } from '../../src/gateways/sepa/pain001.ts'
import { ask, askJson, type Door, Refusal } from '../stack/tool.ts'
import { readPain001 } from './payment-file.ts'
import { type Deed, type Standing, wordOfBank } from './play.ts'

/** A transfer that goes out with the next payment file. */
export function pay(door: Door, iban: string, amount: string, name: string, text?: string): Promise<unknown> {
  const body = JSON.stringify({ iban, amount, name, text })
  const headers = { 'idempotency-key': randomUUID() }
  return askJson(door, { method: 'POST', path: '/v1/bank/transfers', body, headers })
}

/** Puts what waits into a file; answers its id and its text. */
export async function makeFile(door: Door): Promise<{ id: string; xml: string }> {
  const { id } = await askJson<{ id: string }>(door, { method: 'POST', path: '/v1/bank/payment_files' })
  return { id, xml: await fileText(door, id) }
}

/** What the bank does with those transfers of the newest file that it can do it with: a pain.002 or a camt.053. */
export async function playBank(door: Door, deed: Deed): Promise<string> {
  const get = <T>(path: string) => askJson<T>(door, { method: 'GET', path })
  const files = await get<{ data: { id: string; withdrawn: boolean }[] }>('/v1/bank/payment_files')
  const newest = files.data.find(({ withdrawn }) => !withdrawn)
  const file = newest && readPain001(await fileText(door, newest.id))
  if (!file) throw new Refusal('There is no payment file yet: run "npm run bank -- file".')
  const wanted = deed === 'return' ? ['confirmed'] : ['signing', 'broadcast']
  const statuses: string[] = []
  for (const { endToEndId } of file.transfers)
    statuses.push((await get<{ status: string }>(`/v1/bank/transfers/${idOfName('tr', endToEndId)}`)).status)
  const transfers = file.transfers.filter((_transfer, at) => wanted.includes(statuses[at] ?? ''))
  if (transfers.length === 0)
    throw new Refusal(`Its transfers are ${[...new Set(statuses)].join(' and ')}: there is nothing for the bank to do.`)
  const accounts = await get<{ data: { balance: Standing | null }[] }>('/v1/bank/accounts')
  return wordOfBank(deed, file, transfers, accounts.data[0]?.balance ?? null)
}

/** A payment file as it is brought to the bank. */
export async function fileText(door: Door, id: string): Promise<string> {
  return (await ask(door, { method: 'GET', path: `/v1/bank/payment_files/${encodeURIComponent(id)}` })).text()
}
