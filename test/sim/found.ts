/**
 * Seeds of histories that failed once, with why. They always run. What they do changes with the code, so they are worth
 * something only together with the test that was written for the defect.
 */
export const FOUND: readonly (readonly [seed: number, why: string])[] = [
  [1100, 'an EVM payment left its block for good where no node tells what waits, and stayed unconfirmed'],
  [1860, 'the same, of a token'],
  [
    123,
    'after a lost answer of the signer, each further refusal put off the end of the lost question, and the transfer never ended',
  ],
  [12893, 'a replacement was put aside while its signature was on the way: no defect, and logged as one'],
  [
    12663,
    'a question to the books outlived its wallet object, which asked again and was refused: what it reserved nobody gave back',
  ],
  [
    4273,
    'an acceleration was told again after what its parent hangs on was given up, and no person of the history ended it: no defect of the code',
  ],
  [
    9003,
    'what an unsigned payout was to spend was taken back for good after it was final, and no person of the history ended it: no defect of the code',
  ],
  [
    770437,
    'two honest nodes were set aside, the third claimed a block more for ever, and no block came that all of them had: no defect of the code',
  ],
]
