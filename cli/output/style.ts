/** Colour where it helps, nothing where it would only be bytes. */
export class Style {
  readonly isOn: boolean

  constructor(isOn: boolean) {
    this.isOn = isOn
  }

  good(text: string): string {
    return this.#in(32, text)
  }

  bad(text: string): string {
    return this.#in(31, text)
  }

  faint(text: string): string {
    return this.#in(2, text)
  }

  #in(code: number, text: string): string {
    return this.isOn ? `\u001B[${code}m${text}\u001B[0m` : text
  }
}
