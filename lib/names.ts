const DNS_LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

/** True for a DNS label (RFC 1123): what names of objects must be, since they become host names. */
export function isDnsLabel(text: string): boolean {
  return DNS_LABEL.test(text)
}

/** True for a full host name of DNS labels, at most 253 characters; `*.` may stand in front. */
export function isHostName(text: string): boolean {
  const name = text.startsWith('*.') ? text.slice(2) : text
  return name.length <= 253 && name.split('.').every((label) => isDnsLabel(label))
}

/** The nearest DNS label to any text (`Crème` gives `creme`), or undefined when nothing usable is left. */
export function toDnsLabel(text: string): string | undefined {
  const label = text
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(/\p{M}+/gu, '')
    .replaceAll(/[^a-z0-9-]+/g, '-')
    .slice(0, 63)
    .replaceAll(/^-+|-+$/g, '')
  return isDnsLabel(label) ? label : undefined
}
