import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cancelRefund, claimRefund } from '../../src/invoice/decide-refund.ts'
import { isLive, type Refund } from '../../src/invoice/refund.ts'
import { nextStep } from '../../src/invoice/refund-progress.ts'
import { overUnits, refundableUnits, refundFault } from '../../src/invoice/refundable.ts'
import type { Invoice } from '../../src/invoice/types.ts'
import { isFinal } from '../../src/invoice/view.ts'
import type { TransferStatus } from '../../src/wallet/transfers/types.ts'
import { newInvoice, observe, registry, run } from './builders.ts'
import { ADDRESS, apply, gone, LATER_MS, OTHER_ADDRESS, refused, request, settled, told } from './refund-builders.ts'

/** A wallet that keeps to its contract: what is signed or has failed is so for good, and the same request is made once. */
interface ModelTransfer {
  readonly refund: Refund
  readonly address: string
  status: TransferStatus
  version: number
}

const EVM = ['0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed', '0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359'] as const

const action = fc.oneof(
  fc.record({
    do: fc.constant('pay' as const),
    txid: fc.constantFrom('t1', 't2', 't3'),
    asset: fc.constantFrom('BTC', 'ETH'),
    percent: fc.integer({ min: 1, max: 150 }),
    state: fc.constantFrom('confirmed', 'unconfirmed', 'missing', 'double_spent'),
    late: fc.boolean(),
  }),
  fc.record({ do: fc.constant('resolve' as const), as: fc.constantFrom('accept_late', 'refuse_late') }),
  fc.record({
    do: fc.constant('request' as const),
    rule: fc.constantFrom('full', 'over', 'asset', 'then', 'now'),
    asset: fc.constantFrom('BTC', 'ETH', null),
    percent: fc.integer({ min: 1, max: 120 }),
  }),
  fc.record({ do: fc.constant('claim' as const), nth: fc.nat(5), other: fc.boolean() }),
  fc.record({ do: fc.constant('cancel' as const), nth: fc.nat(5) }),
  fc.record({
    do: fc.constant('step' as const),
    nth: fc.nat(5),
    fate: fc.constantFrom('answered', 'answered', 'answer_lost', 'delayed', 'no_money', 'never'),
  }),
  fc.record({ do: fc.constant('arrive' as const) }),
  fc.record({
    do: fc.constant('progress' as const),
    nth: fc.nat(8),
    to: fc.constantFrom('needs_approval', 'signing', 'broadcast', 'broadcast', 'confirmed', 'unknown', 'failed'),
  }),
  fc.record({ do: fc.constant('tell' as const), nth: fc.nat(8) }),
)

const SIGNED: readonly TransferStatus[] = ['broadcast', 'unknown', 'confirmed']

/** `checked`: the signer asks the invoice, as ours does. Then even a request that a dead instance left behind may arrive. */
class World {
  invoice: Invoice
  readonly wallet = new Map<string, ModelTransfer>()
  readonly delayed: { id: string; refund: Refund; address: string }[] = []
  readonly receivedMost = new Map<string, bigint>()
  readonly #checked: boolean
  #revision = 10
  #requests = 0

  constructor(checked: boolean) {
    this.#checked = checked
    this.invoice = newInvoice({ latePolicy: 'hold' })
  }

  act(one: typeof action extends fc.Arbitrary<infer T> ? T : never): void {
    switch (one.do) {
      case 'pay': {
        const units = (one.asset === 'BTC' ? 1_000n : 200_000_000_000_000n) * BigInt(one.percent)
        const isIn = one.state === 'confirmed'
        const seen = settled(`${one.asset}${one.txid}`, {
          assetCode: one.asset,
          revision: ++this.#revision,
          status: one.state,
          ...(isIn ? {} : { confirmations: 0, height: null, blockHash: null }),
          ...(one.late ? { seenAtMs: this.invoice.terms.expiresAtMs + 1 } : {}),
        })
        const known = this.invoice.payments.find(({ key }) => key === seen.key)
        this.invoice = observe(this.invoice, { ...seen, units: known?.units ?? units }).invoice
        break
      }
      case 'resolve':
        if (this.invoice.payments.some(({ decision }) => decision === 'held'))
          this.invoice = run(this.invoice, { type: 'resolve', action: one.as, by: 'test' }, LATER_MS).invoice
        break
      case 'request': {
        const amount = (asset: string, whole: bigint) => ({ asset, units: (whole * BigInt(one.percent)) / 100n + 1n })
        const whole = one.asset === 'ETH' ? 20_000_000_000_000_000n : 100_000n
        const rule =
          one.rule === 'full' || one.rule === 'over'
            ? { type: one.rule }
            : one.rule === 'asset'
              ? ({ type: 'part', amount: amount(one.asset ?? 'BTC', whole), at: 'then' } as const)
              : ({ type: 'part', amount: amount('EUR', 6_000n), at: one.rule } as const)
        const asked = request(this.invoice, `n${this.#requests++}`, rule as Parameters<typeof request>[2], { asset: one.asset })
        if (asked.ok) this.invoice = apply(this.invoice, asked.value)
        break
      }
      case 'claim': {
        const refund = this.#refund(one.nth)
        const addresses = refund?.asset === 'ETH' ? EVM : [ADDRESS, OTHER_ADDRESS]
        const claimed = refund && claimRefund(this.invoice, refund.id, addresses[one.other ? 1 : 0] ?? '', registry, LATER_MS)
        if (claimed?.ok) this.invoice = apply(this.invoice, claimed.value)
        break
      }
      case 'cancel': {
        const refund = this.#refund(one.nth)
        const cancelled = refund && cancelRefund(this.invoice, refund.id, 'somebody', LATER_MS)
        if (cancelled?.ok) this.invoice = apply(this.invoice, cancelled.value)
        break
      }
      case 'step':
        this.#step(this.#refund(one.nth), one.fate)
        break
      case 'arrive': {
        const late = this.delayed.shift()
        if (late) this.#create(late.id, late.refund, late.address)
        break
      }
      case 'progress':
        this.#progress([...this.wallet.entries()][one.nth], one.to)
        break
      case 'tell': {
        const [id] = [...this.wallet.keys()].slice(one.nth)
        if (id) this.tell(id)
        break
      }
    }
    this.check()
  }

  tell(id: string): void {
    const transfer = this.wallet.get(id)
    if (transfer) this.invoice = told(this.invoice, { refundId: id, status: transfer.status, version: transfer.version })
  }

  /** Everything is done and told that was begun. */
  end(): void {
    while (this.delayed.length > 0) this.act({ do: 'arrive' })
    for (let round = 0; round < 20; round++) {
      for (const id of this.wallet.keys()) this.tell(id)
      for (const [nth] of (this.invoice.refunds ?? []).entries()) this.#step(this.#refund(nth), 'answered')
    }
    this.check()
    for (const refund of this.invoice.refunds ?? []) {
      expect(nextStep(this.invoice, refund)).toBeNull()
      expect(refund.transfers.filter(({ status }) => status !== 'failed').length).toBeLessThanOrEqual(1)
      const signed = [...this.wallet.values()].find((one) => one.refund.id === refund.id && SIGNED.includes(one.status))
      if (signed) expect(refund).toMatchObject({ status: signed.status, address: signed.address })
    }
  }

  check(): void {
    for (const asset of ['BTC', 'ETH']) {
      const received = this.invoice.payments
        .filter((payment) => payment.asset === asset && isFinal(payment))
        .reduce((sum, { units }) => sum + units, 0n)
      const most = this.receivedMost.get(asset) ?? 0n
      this.receivedMost.set(asset, received > most ? received : most)
      const signed = [...this.wallet.values()].filter((one) => one.refund.asset === asset && SIGNED.includes(one.status))
      expect(new Set(signed.map(({ refund }) => refund.id)).size, 'one transfer a refund').toBe(signed.length)
      const paid = signed.reduce((sum, { refund }) => sum + refund.units, 0n)
      expect(paid <= (this.receivedMost.get(asset) ?? 0n), 'never more is sent than ever came in').toBe(true)
      const live = (this.invoice.refunds ?? []).filter((refund) => refund.asset === asset && isLive(refund))
      const promised = live.reduce((sum, { units }) => sum + units, 0n)
      expect(promised <= (this.receivedMost.get(asset) ?? 0n), 'nor promised').toBe(true)
      expect(overUnits(this.invoice, asset) <= refundableUnits(this.invoice, asset)).toBe(true)
    }
  }

  #refund(nth: number): Refund | undefined {
    return this.invoice.refunds?.[nth]
  }

  #step(refund: Refund | undefined, fate: string): void {
    const step = refund && nextStep(this.invoice, refund)
    if (!refund || !step) return
    const { transferId } = step
    const address = refund.transfers.find(({ id }) => id === transferId)?.address ?? ''
    if (step.do === 'create') {
      const refusals = {
        no_money: { reason: 'insufficient_funds', asset: refund.asset, available: 0n },
        never: { reason: 'bad_transfer', detail: 'no' },
      } as const
      const isNew = !this.wallet.has(transferId)
      if (isNew && (fate === 'no_money' || fate === 'never')) {
        this.invoice = refused(this.invoice, transferId, refusals[fate])
        return
      }
      if (fate === 'delayed') {
        if (this.#checked) this.delayed.push({ id: transferId, refund, address })
        return
      }
      this.#create(transferId, refund, address)
    } else {
      const transfer = this.wallet.get(transferId)
      if (!transfer) {
        this.invoice = gone(this.invoice, transferId)
        return
      }
      if (!SIGNED.includes(transfer.status) && transfer.status !== 'failed') this.#move(transfer, 'failed')
    }
    if (fate !== 'answer_lost') this.tell(transferId)
  }

  #create(id: string, refund: Refund, address: string): void {
    if (!this.wallet.has(id)) this.wallet.set(id, { refund, address, status: 'queued', version: 1 })
  }

  #progress(entry: [string, ModelTransfer] | undefined, to: TransferStatus): void {
    if (!entry) return
    const [id, transfer] = entry
    const { refund, address, status } = transfer
    if (status === 'failed' || status === 'confirmed') return
    const isSigned = SIGNED.includes(status)
    if (isSigned && !SIGNED.includes(to)) return
    if (!isSigned && to !== 'broadcast' && SIGNED.includes(to)) return
    const { chainId, asset, units } = refund
    const wanted = { id, chainId, asset, outputs: [{ address, units }] }
    if (to === 'broadcast' && !isSigned && this.#checked && refundFault(this.invoice, wanted) !== null) return
    this.#move(transfer, to)
  }

  #move(transfer: ModelTransfer, to: TransferStatus): void {
    transfer.status = to
    transfer.version++
  }
}

test.each([
  ['the signer asks the invoice, and requests may arrive long after they were given up', true],
  ['the wallet alone keeps to its word', false],
] as const)(
  'no history returns more than came in, nor the same money twice: %s',
  (_name, checked) => {
    fc.assert(
      fc.property(fc.array(action, { minLength: 5, maxLength: 60 }), (actions) => {
        const world = new World(checked)
        for (const one of actions) world.act(one)
        world.end()
      }),
      { numRuns: 500 },
    )
  },
  20_000,
)
