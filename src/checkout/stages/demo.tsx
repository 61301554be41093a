import { linkTo, type View } from '../view.ts'

/** Development only: pays on the local networks. `lightning`: what the code can be paid by as well. */
export function DemoWallet({ view, asset, lightning }: { view: View; asset: string; lightning?: string | undefined }) {
  const { t } = view
  return (
    view.demoWallet && (
      <form class="demo" method="post" action={linkTo(view, '/demo-pay')}>
        <p>{t.developmentOnly}</p>
        <button type="submit" name="asset" value={asset} id="demo" class="button">
          {t.demoPay}
        </button>
        {lightning && (
          <button type="submit" name="asset" value={lightning} id="demo-lightning" class="button">
            {t.demoPayLightning}
          </button>
        )}
      </form>
    )
  )
}
