/** What a wallet opens: `lightning:` and the invoice (BOLT 11), which says the amount itself. */
export function lightningPaymentUri(bolt11: string): string {
  return `lightning:${bolt11}`
}
