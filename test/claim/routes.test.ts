import { describe, expect, test } from 'vitest'
import { createClaim } from '../../src/claim/routes.tsx'
import type { RefundStatus } from '../../src/invoice/refund.ts'
import { err, ok } from '../../src/lib/result.ts'
import { BTC_ADDRESS } from '../checkout/fixtures.ts'
import { ADDRESS, REFUND_ID, refund } from '../invoice/refund-fixture.ts'
import { CLAIM_STATES, type ClaimState, claimEnv, formOf, invoiceOf, LN_INVOICE, pathOf } from './fixtures.ts'

const claim = createClaim()
const ASK = CLAIM_STATES.ask as ClaimState

describe('the link', () => {
  test('opens nothing with another token, id or form of it, and wakes no object', async () => {
    const path = await pathOf()
    const wrong = [
      path.slice(0, -1) + (path.endsWith('0') ? '1' : '0'),
      path.replace('/inv_9', '/inv_8'),
      path.replace('/tr_9', '/tr_8'),
      path.slice(0, path.lastIndexOf('/') + 1),
      `${path}0`,
      '/claim/inv_1/tr_1/clm_1',
      '/claim/',
    ]
    for (const one of wrong) {
      const { env, calls } = claimEnv(ASK)
      for (const init of [undefined, formOf({ address: ADDRESS, step: 'confirm' })]) {
        const response = await claim.request(one, init, env)
        expect(response.status, one).toBe(404)
        expect(response.headers.get('referrer-policy')).toBe('no-referrer')
        expect(await response.text()).toContain('We can’t find this refund')
      }
      expect(calls).toEqual([])
    }
  })

  test('of a refund that is not there looks the same', async () => {
    const { env, held } = claimEnv(ASK)
    held.invoice = { ...invoiceOf(ASK), refunds: [] }
    const response = await claim.request(await pathOf(), undefined, env)
    expect(response.status).toBe(404)
  })
})

describe('the form', () => {
  test('changes nothing until the address was confirmed', async () => {
    const { env, calls } = claimEnv(ASK)
    const path = await pathOf()
    await claim.request(path, undefined, env)
    for (const step of ['check', 'edit', 'anything']) {
      const response = await claim.request(path, formOf({ address: ADDRESS, step }), env)
      expect(response.status).toBe(200)
    }
    expect(calls.filter((call) => call !== 'read')).toEqual([])
    const confirmed = await claim.request(`${path}?lang=de`, formOf({ address: ADDRESS, step: 'confirm' }), env)
    expect([confirmed.status, confirmed.headers.get('location')]).toEqual([303, `${path}?lang=de`])
    expect(calls.at(-1)).toBe(`claim ${REFUND_ID} ${ADDRESS}`)
  })

  test('takes an address as it is copied from the groups, and sends it without gaps', async () => {
    const { env, calls } = claimEnv(ASK)
    const spaced = ADDRESS.replace(/(.{4})/g, '$1 \n')
    await claim.request(await pathOf(), formOf({ address: ` ${spaced}`, step: 'confirm' }), env)
    expect(calls.at(-1)).toBe(`claim ${REFUND_ID} ${ADDRESS}`)
  })

  test('takes an address with signs in it that nobody sees, as messengers and pages add them', async () => {
    const { env, calls } = claimEnv(ASK)
    const dirty = `\u200b\ufeff${ADDRESS.slice(0, 9)}\u200e\u2060${ADDRESS.slice(9)}\u202c`
    await claim.request(await pathOf(), formOf({ address: dirty, step: 'confirm' }), env)
    expect(calls.at(-1)).toBe(`claim ${REFUND_ID} ${ADDRESS}`)
  })

  test('is taken along to another language, filled or not', async () => {
    const { env, calls } = claimEnv(ASK)
    const path = await pathOf()
    const asked = await (await claim.request(path, undefined, env)).text()
    expect(asked).toContain(`form="claim" formaction="${path}?lang=de" name="step" value="edit"`)
    for (const typed of ['bc1 no', '']) {
      const response = await claim.request(`${path}?lang=de`, formOf({ address: typed, step: 'edit' }), env)
      const german = await response.text()
      expect([response.status, german.includes('role="alert"')]).toEqual([200, false])
      expect(german).toContain(`>${typed}</textarea>`)
      expect(german).toContain('<html lang="de">')
    }
    const shown = await (await claim.request(path, formOf({ address: ADDRESS, step: 'check' }), env)).text()
    expect(shown).toContain(`form="claim" formaction="${path}?lang=de" name="step" value="check"`)
    expect(calls.filter((call) => call !== 'read')).toEqual([])
  })

  test.each([
    ['of another network', 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080'],
    ['with a wrong character', ADDRESS.replace('w508', 'w509')],
    ['that is none', 'hello'],
    ['that is far too long', 'b'.repeat(3_000)],
    ['that is a link', `bitcoin:${ADDRESS}`],
  ])('refuses an address %s, also when it is said to be confirmed', async (_what, address) => {
    const { env, calls } = claimEnv(ASK)
    const response = await claim.request(await pathOf(), formOf({ address, step: 'confirm' }), env)
    expect(response.status).toBe(422)
    expect(calls).toEqual(['read'])
  })

  test('takes a Lightning invoice at once, as wallets copy it: there is nothing in it to be compared', async () => {
    const { env, calls } = claimEnv(CLAIM_STATES['ask-lightning'] as ClaimState)
    for (const [address, status] of [
      [`lightning:${LN_INVOICE.toUpperCase()}`, 303],
      [LN_INVOICE.replace(/.{80}/g, '$& \n'), 303],
      [ADDRESS, 422],
      ['lnurl1dp68gurn8ghj7', 422],
    ] as const) {
      const response = await claim.request(await pathOf(), formOf({ address, step: 'check' }), env)
      expect(response.status).toBe(status)
    }
    expect(calls.filter((call) => call.startsWith('claim'))).toHaveLength(2)
  })

  test('waits a moment for a payment by Lightning, so that the page says at once that it has arrived', async () => {
    const state = CLAIM_STATES['ask-lightning'] as ClaimState
    const become = (status: RefundStatus) => {
      held.invoice = invoiceOf({ ...state, refund: { ...state.refund, status, address: LN_INVOICE } })
    }
    const { env, held } = claimEnv(state, async () => {
      become('queued')
      setTimeout(() => become('broadcast'), 100)
      setTimeout(() => become('confirmed'), 600)
      return ok(held.invoice)
    })
    const answer = await claim.request(await pathOf(), formOf({ address: LN_INVOICE, step: 'check' }), env)
    expect(answer.status).toBe(303)
    expect(await (await claim.request(answer.headers.get('location') ?? '', {}, env)).text()).toContain('Your refund has arrived')
  })

  test('stays taken when it cannot be looked at afterwards: the page reads anew', async () => {
    const { env, held, calls } = claimEnv(CLAIM_STATES['ask-lightning'] as ClaimState, async () => {
      const claimed = ok(held.invoice)
      Object.defineProperty(held, 'invoice', {
        get() {
          throw new Error('the object is away')
        },
      })
      return claimed
    })
    const path = await pathOf()
    const answer = await claim.request(path, formOf({ address: LN_INVOICE, step: 'check' }), env)
    expect([answer.status, answer.headers.get('location')]).toEqual([303, path])
    expect(calls.filter((call) => call.startsWith('claim'))).toHaveLength(1)
  })

  test('refuses the address that was paid to', async () => {
    const state = { ...ASK, chains: undefined }
    const { env, held } = claimEnv(state)
    const shown = { asset: 'BTC', address: ADDRESS, index: 1, atMs: 0 }
    held.invoice = { ...held.invoice, activations: [{ ...shown, address: BTC_ADDRESS }, shown] }
    const response = await claim.request(await pathOf(), formOf({ address: ADDRESS, step: 'check' }), env)
    expect(response.status).toBe(422)
    expect(await response.text()).toContain('This is the address you paid to')
  })

  test('says what the invoice says, should it know better', async () => {
    const path = await pathOf()
    const answers = { refund_closed: 303, too_many_addresses: 409, own_address: 422, refund_not_found: 404 } as const
    for (const [reason, status] of Object.entries(answers)) {
      const { env } = claimEnv(ASK, async () => err({ reason, status: 'signing' }) as never)
      const response = await claim.request(path, formOf({ address: ADDRESS, step: 'confirm' }), env)
      expect(response.status, reason).toBe(status)
      expect(response.headers.get('referrer-policy') ?? 'no-referrer').toBe('no-referrer')
    }
  })

  test.each(['signing', 'broadcast', 'confirmed', 'failed', 'cancelled'] as const)(
    'is not taken once the refund is %s',
    async (status) => {
      const { env, calls } = claimEnv({ refund: refund(status) })
      const path = await pathOf()
      const response = await claim.request(path, formOf({ address: ADDRESS, step: 'confirm' }), env)
      expect([response.status, response.headers.get('location')]).toEqual([303, path])
      expect(calls).toEqual(['read'])
      expect(await (await claim.request(`${path}?change=1`, undefined, env)).text()).not.toContain('<textarea')
    },
  )

  test('of a refund whose address was changed often enough is not shown', async () => {
    const { env } = claimEnv({ refund: refund('queued', { claims: 5 }) })
    const path = await pathOf()
    expect(await (await claim.request(path, undefined, env)).text()).not.toContain('change=1')
  })

  test('is small: what is larger is not read', async () => {
    const { env, calls } = claimEnv(ASK)
    const response = await claim.request(await pathOf(), formOf({ address: 'x'.repeat(5_000), step: 'check' }), env)
    expect(response.status).toBe(413)
    expect(calls).toEqual([])
    const body = new Blob(['address=', 'x'.repeat(5_000)]).stream()
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const unsized = new Request(`https://pay.example${await pathOf()}`, {
      method: 'POST',
      headers,
      body,
      duplex: 'half',
    } as RequestInit)
    expect((await claim.request(unsized, undefined, env)).status).toBe(413)
  })

  test('that is none, or holds files, is an empty one', async () => {
    const bodies = [
      ['multipart/form-data', 'x'],
      ['multipart/form-data; boundary=b', '--b\r\nnonsense'],
      [
        'multipart/form-data; boundary=b',
        '--b\r\nContent-Disposition: form-data; name="address"; filename="a"\r\n\r\nx\r\n--b--\r\n',
      ],
      ['application/json', '{"address":"x"}'],
      ['text/plain', 'address=x'],
    ] as const
    for (const [type, body] of bodies) {
      const { env, calls } = claimEnv(ASK)
      const response = await claim.request(await pathOf(), { method: 'POST', headers: { 'content-type': type }, body }, env)
      expect([response.status, (await response.text()).includes('Please enter your address')], body).toEqual([422, true])
      expect(calls).toEqual(['read'])
    }
  })

  test('that fails on our side says so, and tells the log nothing of the link', async () => {
    const lines: string[] = []
    const error = console.error
    console.error = (line: string) => lines.push(line)
    try {
      const { env } = claimEnv(ASK, async () => {
        throw new Error('the object is away')
      })
      const response = await claim.request(await pathOf(), formOf({ address: ADDRESS, step: 'confirm' }), env)
      expect(response.status).toBe(500)
      expect(lines).toHaveLength(1)
      expect(lines[0]).not.toContain('clm_')
    } finally {
      console.error = error
    }
  })
})
