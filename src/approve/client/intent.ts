/** The fields of an intent that the page shows as amounts and addresses. Amounts are texts of base units. */
export interface ShownIntent {
  readonly outputs: readonly { readonly address: string; readonly units: string }[]
}

/** SHA-256 of the words that are on the page: what a passkey signs. */
export async function digestOf(words: string): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(words)))
}

/** Whether the amounts and addresses that people read, and their sum, are exactly those of the words. */
export function isShown(
  { outputs }: ShownIntent,
  shown: readonly (readonly [amount: string, address: string])[],
  sum: string,
  decimals: number,
) {
  const units = (text: string) => {
    const [whole = '', fraction = ''] = (/^[\d.]+/.exec(text)?.[0] ?? '').split('.')
    return BigInt(whole + fraction.padEnd(decimals, '0'))
  }
  return (
    outputs.length === shown.length &&
    outputs.every((output, at) => {
      const [amount = '', address] = shown[at] ?? []
      return address === output.address && units(amount) === BigInt(output.units)
    }) &&
    units(sum) === outputs.reduce((total, output) => total + BigInt(output.units), 0n)
  )
}
