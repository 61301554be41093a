import fc from 'fast-check'
import { encodeFunctionData, erc20Abi, keccak256, pad, toHex, zeroAddress } from 'viem'
import { expect, test } from 'vitest'
import { readTransferCall, readTransferLog, TRANSFER_TOPIC } from '../../../src/gateways/evm/erc20.ts'

const hex20 = fc.uint8Array({ minLength: 20, maxLength: 20 }).map((bytes) => toHex(bytes))
const uint256 = fc.bigInt({ min: 0n, max: 2n ** 256n - 1n })
const sender = '0x70997970c51812dc3a010c7d01b50e0d17dc79c8'
const recipient = '0x00000000000000000000000000000000000000aa'

test('the topic is the hash of the event', () => {
  expect(TRANSFER_TOPIC).toBe(keccak256(toHex('Transfer(address,address,uint256)')))
})

test('transfer and transferFrom calls read as they were encoded', () => {
  fc.assert(
    fc.property(hex20, hex20, uint256, (from, to, units) => {
      const transfer = encodeFunctionData({ abi: erc20Abi, functionName: 'transfer', args: [to, units] })
      const transferFrom = encodeFunctionData({ abi: erc20Abi, functionName: 'transferFrom', args: [from, to, units] })
      expect(readTransferCall(sender, transfer)).toEqual({ from: sender, to, units })
      expect(readTransferCall(sender, transferFrom)).toEqual({ from, to, units })
    }),
  )
})

const call = encodeFunctionData({ abi: erc20Abi, functionName: 'transfer', args: [recipient, 5n] })

test.each([
  ['nothing', '0x'],
  ['a selector alone', call.slice(0, 10)],
  ['a byte less', call.slice(0, -2)],
  ['a byte more', `${call}00`],
  ['a word more', `${call}${'0'.repeat(64)}`],
  ['an address with high bytes', `${call.slice(0, 10)}01${call.slice(12)}`],
  ['another function', `0x095ea7b3${call.slice(10)}`],
  ['arguments of transfer behind transferFrom', `0x23b872dd${call.slice(10)}`],
])('calldata of %s is no transfer', (_name, input) => {
  expect(readTransferCall(sender, input)).toBeNull()
})

const log = { topics: [TRANSFER_TOPIC, pad(zeroAddress), pad(recipient)], data: pad('0x05') }

test('a Transfer log has three topics and one word', () => {
  expect(readTransferLog(log)).toEqual({ from: zeroAddress, to: recipient, units: 5n })
})

test.each([
  ['an ERC-721 transfer', { ...log, topics: [...log.topics, pad('0x05')], data: '0x' }],
  ['no recipient', { ...log, topics: log.topics.slice(0, 2) }],
  ['another event', { ...log, topics: [pad('0x01'), ...log.topics.slice(1)] }],
  ['a recipient with high bytes', { ...log, topics: [TRANSFER_TOPIC, pad(zeroAddress), `0x01${pad(recipient).slice(4)}`] }],
  ['no amount', { ...log, data: '0x' }],
  ['two words', { ...log, data: `0x${'00'.repeat(64)}` }],
])('a log of %s is no ERC-20 transfer', (_name, other) => {
  expect(readTransferLog(other)).toBeNull()
})
