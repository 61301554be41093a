/** Cloudflare's price list for the paid plan, dollars for a million of each, after the included amounts (November 2026). */
export const PRICES = {
  /** Requests to a Worker. Service bindings, RPC between Workers and static assets cost none. */
  workerRequest: 0.3,
  workerCpuMs: 0.02,
  /** RPC calls, upgrades and alarms. Messages sent over a WebSocket cost none. */
  objectRequest: 0.15,
  /** While an object works, at 128 MB. */
  objectGigabyteSecond: 12.5,
  rowRead: 0.001,
  rowWritten: 1,
  /** A message is written, read and deleted: three operations up to 64 KB each. */
  queueOperation: 0.4,
} as const

/** Dollars for a gigabyte in Durable Objects a month. */
export const OBJECT_GIGABYTE_MONTH = 0.2

export const OPERATIONS_PER_MESSAGE = 3
export const OBJECT_GIGABYTES = 0.128
