/** What a connection to the agents' port is for, as its TLS handshake says. */
export const ALPN = {
  /** The dialling node calls the kernel. */
  calls: 'h2',
  /** The dialling node serves: HTTP/2 runs the other way round. */
  serves: 'polis-agent/1',
} as const

export const PROTOCOL_VERSION = 1
