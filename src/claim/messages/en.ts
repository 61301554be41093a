/** Every text of the claim page. The other languages have the type of this one: a missing key does not compile. */
export const en = {
  refund: 'Refund',
  askTitle: (p: { amount: string; store: string }) => `${p.store} returns ${p.amount} to you`,
  askText: 'Say where it is to be sent. Nothing else is needed, and nobody will ask you for a password or a recovery phrase.',
  keepSecret: 'Keep this link to yourself: whoever has it can say where the money goes.',
  messageFrom: (p: { store: string }) => `Message from ${p.store}`,
  description: 'For',
  order: 'Order',
  reference: 'Reference',
  network: 'Network',
  youGet: 'You get',

  addressLabel: (p: { asset: string; network: string; amount: string }) => `Your ${p.asset} address on the ${p.network} network`,
  addressHint:
    'Copy it from your own wallet, or from where your exchange shows how to deposit. The address you paid from is often not yours.',
  onlyThis: (p: { asset: string; network: string }) =>
    `Give only an address for ${p.asset} on the ${p.network} network. Money sent to an address of another network is lost.`,
  check: 'Continue',
  missing: 'Please enter your address.',
  notAnAddress: (p: { network: string }) =>
    `This is not an address on the ${p.network} network. Please copy it again from your wallet.`,
  ownAddress: 'This is the address you paid to. Please give one of your own.',
  notPayable:
    'The refund cannot be sent to this address: a character may be wrong, or the amount is too small for its kind. Please give another one.',

  wrongAmount: (p: { amount: string }) => `This invoice asks for another amount. Please make one for exactly ${p.amount}.`,
  expired: 'This invoice has expired, or is about to. Please make a new one in your wallet.',
  notPaid: 'The invoice you gave before could not be paid, and never will be. Please make a new one.',

  confirmTitle: 'Is this your address?',
  confirmText: 'Compare it with the one in your wallet, group by group. What is sent to a wrong address cannot be brought back.',
  confirm: (p: { amount: string }) => `Yes, send ${p.amount} there`,
  edit: 'No, change it',
  back: 'Leave it as it is',

  waitingTitle: 'Your refund is being prepared',
  approvalTitle: 'Your refund waits for approval',
  waitingText: (p: { store: string }) => `${p.store} sends it. You can close this page and come back by the same link.`,
  changeAddress: 'Use another address',
  changeText: 'You can give another one until it is sent.',
  sendingTitle: 'Your refund is being sent',
  sentTitle: 'Your refund is on its way',
  sentText: 'The network is confirming it. There is nothing more for you to do.',
  doneTitle: 'Your refund has arrived',
  doneText: 'It is confirmed by the network.',
  failedTitle: 'The refund was not sent',
  failedText: (p: { store: string }) =>
    `No money has moved. Write to ${p.store} and give the reference below: they can start it again, and you get a new link.`,
  cancelledTitle: 'This refund was ended',
  cancelledText: (p: { store: string }) =>
    `${p.store} ended it before it was sent. Write to them and give the reference below if you have questions.`,
  tooMany: (p: { store: string }) => `The address was changed too often. Please write to ${p.store} and give the reference below.`,

  stepGiven: 'Address given',
  stepApproved: (p: { store: string }) => `Approved by ${p.store}`,
  stepSent: 'Sent',
  stepConfirmed: 'Confirmed by the network',
  toAddress: 'To this address',
  transaction: 'Transaction',
  lookUp: 'Look it up',
  checkAgain: 'Look again',

  notFoundTitle: 'We can’t find this refund',
  notFoundText: 'Please check that the link is complete, or ask the shop for it again.',
}
