/** Something is wrong that the reader can put right: shown without a stack. */
export class Refusal extends Error {
  constructor(message, hint, options) {
    super(message, options)
    this.hint = hint
  }
}
