import type { Language } from '../../page/language.ts'
import type { ClaimMessages } from '../language.ts'

/** What the page says otherwise where the payer gives a Lightning invoice, and no address. */
type LightningWords = Pick<
  ClaimMessages,
  | 'askText'
  | 'addressLabel'
  | 'addressHint'
  | 'onlyThis'
  | 'check'
  | 'missing'
  | 'notAnAddress'
  | 'ownAddress'
  | 'changeAddress'
  | 'changeText'
  | 'sentText'
  | 'doneText'
  | 'tooMany'
  | 'stepGiven'
  | 'stepConfirmed'
  | 'toAddress'
  | 'transaction'
>

export const LIGHTNING_WORDS: Record<Language, LightningWords> = {
  en: {
    askText:
      'Make an invoice in your Lightning wallet and give it here. Nothing else is needed, and nobody will ask you for a password or a recovery phrase.',
    addressLabel: ({ amount }) => `Your Lightning invoice for ${amount}`,
    addressHint:
      'In your wallet choose to receive, enter exactly this amount and copy the invoice; one without an amount works too. It begins with “ln”.',
    onlyThis: ({ network }) =>
      `Give only an invoice on the ${network} network. A Lightning address (name@example.com) or an LNURL cannot be used here.`,
    check: 'Send it there',
    missing: 'Please enter your Lightning invoice.',
    notAnAddress: ({ network }) =>
      `This is not an invoice on the ${network} network. Please copy it again from your wallet, as a whole.`,
    ownAddress: 'This is an invoice of the shop. Please make one in your own wallet.',
    changeAddress: 'Give another invoice',
    changeText: 'You can give another one until it is being paid.',
    sentText: 'It is being paid. There is nothing more for you to do.',
    doneText: 'Your wallet has confirmed that it was paid.',
    tooMany: ({ store }) => `Too many invoices were given. Please write to ${store} and give the reference below.`,
    stepGiven: 'Invoice given',
    stepConfirmed: 'Received by your wallet',
    toAddress: 'To this invoice',
    transaction: 'Payment hash',
  },
  de: {
    askText:
      'Erstellen Sie in Ihrer Lightning-Wallet eine Rechnung und geben Sie sie hier an. Mehr braucht es nicht, und niemand fragt Sie nach einem Passwort oder Ihren Wiederherstellungswörtern.',
    addressLabel: ({ amount }) => `Ihre Lightning-Rechnung über ${amount}`,
    addressHint:
      'Wählen Sie in Ihrer Wallet „Empfangen“, geben Sie genau diesen Betrag ein und kopieren Sie die Rechnung; eine ohne Betrag geht auch. Sie beginnt mit „ln“.',
    onlyThis: ({ network }) =>
      `Nur eine Rechnung im Netzwerk ${network} angeben. Eine Lightning-Adresse (name@example.com) oder eine LNURL geht hier nicht.`,
    check: 'Dorthin senden',
    missing: 'Bitte geben Sie Ihre Lightning-Rechnung ein.',
    notAnAddress: ({ network }) =>
      `Das ist keine Rechnung im Netzwerk ${network}. Bitte kopieren Sie sie noch einmal vollständig aus Ihrer Wallet.`,
    ownAddress: 'Das ist eine Rechnung des Shops. Bitte erstellen Sie eine in Ihrer eigenen Wallet.',
    changeAddress: 'Andere Rechnung angeben',
    changeText: 'Bis sie gezahlt wird, können Sie eine andere angeben.',
    sentText: 'Sie wird gerade gezahlt. Sie müssen nichts mehr tun.',
    doneText: 'Ihre Wallet hat bestätigt, dass sie gezahlt ist.',
    tooMany: ({ store }) =>
      `Es wurden zu viele Rechnungen angegeben. Bitte schreiben Sie ${store} und nennen Sie die Referenz unten.`,
    stepGiven: 'Rechnung angegeben',
    stepConfirmed: 'In Ihrer Wallet angekommen',
    toAddress: 'An diese Rechnung',
    transaction: 'Payment-Hash',
  },
  uk: {
    askText:
      'Створіть рахунок у своєму Lightning-гаманці та вкажіть його тут. Більше нічого не потрібно, і ніхто не питатиме у вас пароль чи фразу відновлення.',
    addressLabel: ({ amount }) => `Ваш рахунок Lightning на ${amount}`,
    addressHint:
      'Виберіть у гаманці «Отримати», введіть рівно цю суму й скопіюйте рахунок; рахунок без суми теж підійде. Він починається з «ln».',
    onlyThis: ({ network }) =>
      `Вказуйте лише рахунок у мережі ${network}. Адреса Lightning (name@example.com) або LNURL тут не підходить.`,
    check: 'Надіслати туди',
    missing: 'Будь ласка, введіть ваш рахунок Lightning.',
    notAnAddress: ({ network }) => `Це не рахунок у мережі ${network}. Будь ласка, скопіюйте його з гаманця ще раз, повністю.`,
    ownAddress: 'Це рахунок магазину. Будь ласка, створіть рахунок у власному гаманці.',
    changeAddress: 'Вказати інший рахунок',
    changeText: 'Доки його оплата не почалася, можна вказати інший.',
    sentText: 'Його оплачують. Від вас більше нічого не потрібно.',
    doneText: 'Ваш гаманець підтвердив, що його оплачено.',
    tooMany: ({ store }) => `Вказано забагато рахунків. Будь ласка, напишіть до ${store} і назвіть номер повернення нижче.`,
    stepGiven: 'Рахунок вказано',
    stepConfirmed: 'Отримано вашим гаманцем',
    toAddress: 'На цей рахунок',
    transaction: 'Хеш платежу',
  },
}
