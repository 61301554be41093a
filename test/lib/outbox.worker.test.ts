import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { expect, test } from 'vitest'
import { acknowledge, nextDueMs, OUTBOX_TABLE, putOutbox, takeDue } from '../../src/lib/outbox.ts'

const stub = (name: string) => (env as unknown as { INVOICES: DurableObjectNamespace }).INVOICES.getByName(name)

test('a row is tried again until it is acknowledged, and an older acknowledgement leaves a newer put', async () => {
  await runInDurableObject(stub('outbox'), (_object, state) => {
    const sql = state.storage.sql
    sql.exec(OUTBOX_TABLE)
    putOutbox(sql, 'project', 1, 'one', 1000)
    expect(takeDue(sql, 1000, 10).map((row) => row.body)).toEqual(['one'])
    expect(takeDue(sql, 1000, 10)).toEqual([])
    expect(nextDueMs(sql)).toBe(2000)
    putOutbox(sql, 'project', 2, 'two', 1500)
    putOutbox(sql, 'project', 1, 'old', 1600)
    acknowledge(sql, 'project', 1)
    expect(takeDue(sql, 1500, 10).map((row) => row.body)).toEqual(['two'])
    acknowledge(sql, 'project', 2)
    expect(nextDueMs(sql)).toBeNull()
  })
})
