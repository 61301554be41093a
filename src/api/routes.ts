import { createAcceleration } from './accelerations.ts'
import { listAssets, listPaymentMethods } from './assets.ts'
import { readBalances } from './balances.ts'
import { assignEntry, clearDifference, importStatements, listBankAccounts, listUnmatched } from './bank.ts'
import { createPaymentFile, importStatusReport, listPaymentFiles, readPaymentFile, withdrawPaymentFile } from './bank-files.ts'
import { cancelBankTransfer, createBankTransfer, readBankTransfer } from './bank-transfers.ts'
import type { Route } from './call.ts'
import { createInvoice } from './create-invoice.ts'
import { createTransfer } from './create-transfer.ts'
import { activateMethod, listEvents, listInvoices, readInvoice, resolveInvoice } from './invoices.ts'
import { listPostings, listTransactions } from './ledger.ts'
import { createPayout, readPayout } from './payouts.ts'
import { cancelRefund, createRefund, listRefunds, readRefund } from './refunds.ts'
import { readStatement } from './statement.ts'
import { createSweep } from './sweeps.ts'
import {
  approveTransfer,
  bumpTransfer,
  cancelTransfer,
  listTransferDeliveries,
  listTransfers,
  readPsbt,
  readTransfer,
  submitSigned,
} from './transfers.ts'
import { listAddresses, listWallets, readAddressBalance, readWalletBalance } from './wallets.ts'
import { createEndpoint, listDeliveries, listEndpoints } from './webhooks.ts'

/** The merchant API, every route of it; all need an API key. */
export const ROUTES: readonly Route[] = [
  { method: 'POST', path: '/invoices', handle: createInvoice },
  { method: 'GET', path: '/invoices', handle: listInvoices },
  { method: 'GET', path: '/invoices/:id', handle: readInvoice },
  { method: 'GET', path: '/invoices/:id/events', handle: listEvents },
  { method: 'GET', path: '/invoices/:id/deliveries', handle: listDeliveries },
  { method: 'GET', path: '/invoices/:id/postings', handle: listPostings },
  { method: 'POST', path: '/invoices/:id/payment_methods/:asset', handle: activateMethod },
  { method: 'POST', path: '/invoices/:id/resolution', handle: resolveInvoice },
  { method: 'POST', path: '/invoices/:id/refunds', handle: createRefund },
  { method: 'GET', path: '/invoices/:id/refunds', handle: listRefunds },
  { method: 'GET', path: '/invoices/:id/refunds/:refundId', handle: readRefund },
  { method: 'POST', path: '/invoices/:id/refunds/:refundId/cancel', handle: cancelRefund },
  { method: 'POST', path: '/webhook_endpoints', handle: createEndpoint },
  { method: 'GET', path: '/webhook_endpoints', handle: listEndpoints },
  { method: 'GET', path: '/balances', handle: readBalances },
  { method: 'GET', path: '/ledger/transactions', handle: listTransactions },
  { method: 'GET', path: '/ledger/statement', handle: readStatement },
  { method: 'GET', path: '/wallets', handle: listWallets },
  { method: 'GET', path: '/wallets/:id/balance', handle: readWalletBalance },
  { method: 'GET', path: '/wallets/:id/addresses', handle: listAddresses },
  { method: 'GET', path: '/wallets/:id/addresses/:address/balance', handle: readAddressBalance },
  { method: 'POST', path: '/wallets/:id/sweeps', handle: createSweep },
  { method: 'POST', path: '/wallets/:id/accelerations', handle: createAcceleration },
  { method: 'POST', path: '/transfers', handle: createTransfer },
  { method: 'GET', path: '/transfers', handle: listTransfers },
  { method: 'GET', path: '/transfers/:id', handle: readTransfer },
  { method: 'GET', path: '/transfers/:id/psbt', handle: readPsbt },
  { method: 'GET', path: '/transfers/:id/deliveries', handle: listTransferDeliveries },
  { method: 'POST', path: '/transfers/:id/approvals', handle: approveTransfer },
  { method: 'POST', path: '/transfers/:id/signed', handle: submitSigned },
  { method: 'POST', path: '/transfers/:id/bump', handle: bumpTransfer },
  { method: 'POST', path: '/transfers/:id/cancel', handle: cancelTransfer },
  { method: 'POST', path: '/payouts', handle: createPayout },
  { method: 'GET', path: '/payouts/:id', handle: readPayout },
  { method: 'POST', path: '/bank/statements', handle: importStatements },
  { method: 'GET', path: '/bank/accounts', handle: listBankAccounts },
  { method: 'GET', path: '/bank/unmatched', handle: listUnmatched },
  { method: 'POST', path: '/bank/unmatched/:id/assignment', handle: assignEntry },
  { method: 'POST', path: '/bank/differences/:id/clear', handle: clearDifference },
  { method: 'POST', path: '/bank/transfers', handle: createBankTransfer },
  { method: 'GET', path: '/bank/transfers/:id', handle: readBankTransfer },
  { method: 'POST', path: '/bank/transfers/:id/cancel', handle: cancelBankTransfer },
  { method: 'POST', path: '/bank/payment_files', handle: createPaymentFile },
  { method: 'GET', path: '/bank/payment_files', handle: listPaymentFiles },
  { method: 'GET', path: '/bank/payment_files/:id', handle: readPaymentFile },
  { method: 'POST', path: '/bank/payment_files/:id/withdrawal', handle: withdrawPaymentFile },
  { method: 'POST', path: '/bank/status_reports', handle: importStatusReport },
  { method: 'GET', path: '/payment_methods', handle: listPaymentMethods },
  { method: 'GET', path: '/assets', handle: listAssets },
]
