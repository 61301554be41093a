import { join } from 'node:path'
import { makeFolder, readJson, writePrivate } from '../stack/processes.ts'

/** What the shop knows of a sale. Its truth about money is the invoice; this is what the shop made of it. */
export interface Order {
  readonly id: string
  readonly productId: string
  readonly amount: string
  readonly currency: string
  readonly createdAtMs: number
  /** Null until Paytomat has answered. */
  readonly invoiceId: string | null
  readonly checkoutUrl: string | null
  readonly status: OrderStatus
  /** Version of the invoice that `status` was taken from: an older one changes nothing. */
  readonly invoiceVersion: number
  /** Set once, whatever comes after: goods are sent once. */
  readonly paidAtMs: number | null
}

/** waiting for money, seen on its network, paid for good, too late, or taken back and for a person to look at. */
export type OrderStatus = 'waiting' | 'seen' | 'paid' | 'expired' | 'trouble'

/** The oldest orders go when there are more. */
const ORDERS_MAX = 500

export interface Orders {
  get(id: string): Order | null
  byInvoice(invoiceId: string): Order | null
  newest(count: number): readonly Order[]
  /** Writes the order to disk, then tells who watches it. */
  put(order: Order): void
  /** Calls back on each change until the returned function is called. */
  watch(id: string, tell: (order: Order) => void): () => void
}

/** Orders in `<folder>/orders.json`, rewritten whole and in one step at each change. */
export function openOrders(folder: string): Orders {
  makeFolder(folder)
  const path = join(folder, 'orders.json')
  const orders = new Map((readJson<Order[]>(path) ?? []).map((order) => [order.id, order]))
  const watchers = new Map<string, Set<(order: Order) => void>>()
  return {
    get: (id) => orders.get(id) ?? null,
    byInvoice: (invoiceId) => [...orders.values()].find((order) => order.invoiceId === invoiceId) ?? null,
    newest: (count) => [...orders.values()].slice(-count).reverse(),
    put(order) {
      orders.set(order.id, order)
      const oldest = orders.size > ORDERS_MAX ? orders.keys().next().value : undefined
      if (oldest !== undefined) orders.delete(oldest)
      writePrivate(path, JSON.stringify([...orders.values()], null, 1))
      for (const tell of watchers.get(order.id) ?? []) tell(order)
    },
    watch(id, tell) {
      const tellers = watchers.get(id) ?? new Set()
      watchers.set(id, tellers.add(tell))
      return () => {
        tellers.delete(tell)
        if (tellers.size === 0) watchers.delete(id)
      }
    },
  }
}
