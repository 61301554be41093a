import type { ClaimMessages } from '../language.ts'

export const de: ClaimMessages = {
  refund: 'Rückzahlung',
  askTitle: ({ amount, store }) => `${store} zahlt Ihnen ${amount} zurück`,
  askText:
    'Geben Sie an, wohin das Geld gehen soll. Mehr braucht es nicht, und niemand fragt Sie nach einem Passwort oder Ihren Wiederherstellungswörtern.',
  keepSecret: 'Behalten Sie diesen Link für sich: Wer ihn hat, bestimmt, wohin das Geld geht.',
  messageFrom: ({ store }) => `Nachricht von ${store}`,
  description: 'Für',
  order: 'Bestellung',
  reference: 'Referenz',
  network: 'Netzwerk',
  youGet: 'Sie erhalten',

  addressLabel: ({ asset, network }) => `Ihre ${asset}-Adresse im Netzwerk ${network}`,
  addressHint:
    'Kopieren Sie sie aus Ihrer eigenen Wallet oder von der Einzahlungsseite Ihrer Börse. Die Adresse, von der Sie gezahlt haben, gehört oft nicht Ihnen.',
  onlyThis: ({ asset, network }) =>
    `Nur eine Adresse für ${asset} im Netzwerk ${network} angeben. Was an eine Adresse eines anderen Netzwerks gesendet wird, ist verloren.`,
  check: 'Weiter',
  missing: 'Bitte geben Sie Ihre Adresse ein.',
  notAnAddress: ({ network }) =>
    `Das ist keine Adresse im Netzwerk ${network}. Bitte kopieren Sie sie noch einmal aus Ihrer Wallet.`,
  ownAddress: 'Das ist die Adresse, an die Sie gezahlt haben. Bitte geben Sie eine eigene an.',
  notPayable:
    'An diese Adresse kann die Rückzahlung nicht gesendet werden: Vielleicht stimmt ein Zeichen nicht, oder der Betrag ist für ihre Art zu klein. Bitte geben Sie eine andere an.',

  wrongAmount: ({ amount }) => `Diese Rechnung lautet auf einen anderen Betrag. Bitte erstellen Sie eine über genau ${amount}.`,
  expired: 'Diese Rechnung ist abgelaufen oder läuft gleich ab. Bitte erstellen Sie in Ihrer Wallet eine neue.',
  notPaid:
    'Die Rechnung, die Sie vorher angegeben haben, konnte nicht bezahlt werden und wird es auch nicht mehr. Bitte erstellen Sie eine neue.',

  confirmTitle: 'Ist das Ihre Adresse?',
  confirmText:
    'Vergleichen Sie sie Gruppe für Gruppe mit der in Ihrer Wallet. Was an eine falsche Adresse gesendet wird, lässt sich nicht zurückholen.',
  confirm: ({ amount }) => `Ja, ${amount} dorthin senden`,
  edit: 'Nein, ändern',
  back: 'So lassen, wie es ist',

  waitingTitle: 'Ihre Rückzahlung wird vorbereitet',
  approvalTitle: 'Ihre Rückzahlung wartet auf Freigabe',
  waitingText: ({ store }) => `${store} sendet sie. Sie können diese Seite schließen und über denselben Link wiederkommen.`,
  changeAddress: 'Andere Adresse angeben',
  changeText: 'Bis sie gesendet ist, können Sie eine andere angeben.',
  sendingTitle: 'Ihre Rückzahlung wird gesendet',
  sentTitle: 'Ihre Rückzahlung ist unterwegs',
  sentText: 'Das Netzwerk bestätigt sie gerade. Sie müssen nichts mehr tun.',
  doneTitle: 'Ihre Rückzahlung ist angekommen',
  doneText: 'Das Netzwerk hat sie bestätigt.',
  failedTitle: 'Die Rückzahlung wurde nicht gesendet',
  failedText: ({ store }) =>
    `Es ist kein Geld geflossen. Schreiben Sie ${store} und nennen Sie die Referenz unten: Sie kann neu begonnen werden, und Sie erhalten einen neuen Link.`,
  cancelledTitle: 'Diese Rückzahlung wurde beendet',
  cancelledText: ({ store }) =>
    `${store} hat sie beendet, bevor sie gesendet wurde. Schreiben Sie bei Fragen dorthin und nennen Sie die Referenz unten.`,
  tooMany: ({ store }) => `Die Adresse wurde zu oft geändert. Bitte schreiben Sie ${store} und nennen Sie die Referenz unten.`,

  stepGiven: 'Adresse angegeben',
  stepApproved: ({ store }) => `Freigegeben von ${store}`,
  stepSent: 'Gesendet',
  stepConfirmed: 'Vom Netzwerk bestätigt',
  toAddress: 'An diese Adresse',
  transaction: 'Transaktion',
  lookUp: 'Nachsehen',
  checkAgain: 'Neu laden',

  notFoundTitle: 'Diese Rückzahlung gibt es nicht',
  notFoundText: 'Bitte prüfen Sie, ob der Link vollständig ist, oder lassen Sie ihn sich noch einmal geben.',
}
