import { newUid } from '@polis/lib/uid'

const WELL_FORMED = /^[A-Za-z0-9._-]{8,64}$/

/** The caller's own id when it can stand in logs and headers as it is, else a new one. */
export function requestIdFrom(header: string | undefined): string {
  return header !== undefined && WELL_FORMED.test(header) ? header : newUid()
}
