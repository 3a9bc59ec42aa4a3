import { createHash } from 'node:crypto'

const STYLE =
  'body{font:16px/1.5 system-ui,sans-serif;max-width:42em;margin:4em auto;padding:0 1em;color:#1a1a1a;background:#fff}' +
  'code{background:#f0f0f0;padding:.1em .3em;border-radius:3px}' +
  '@media(prefers-color-scheme:dark){body{color:#e6e6e6;background:#161616}code{background:#2a2a2a}}'

/** Nothing from elsewhere, no script, no frame; the one style is named by its digest. */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** The page at `/`. */
export function frontPage(userName: string | undefined): string {
  const signedIn =
    userName === undefined
      ? '<p>Nobody is signed in here. <code>polis user link NAME</code> on the server makes a one-time sign-in link.</p>'
      : `<p>Signed in as <strong>${escape(userName)}</strong>.</p>`
  return page(
    'Polis is running',
    '<p>Polis is running; the console comes in a later version. Until then there is the shell: ' +
      '<code>polis status</code>, <code>polis help</code>.</p>' +
      `${signedIn}<p>Programs talk to <code>POST /graphql</code>; its schema is <code>api/schema.graphql</code> ` +
      'in the source, and <code>docs/api.md</code> explains it.</p>',
  )
}

/** What a browser shows when a one-time link does not hold. */
export function signInFailedPage(reason: string): string {
  return page(
    'Not signed in',
    `<p>${escape(reason)}.</p><p>A sign-in link works once and for a short time. ` +
      'On the server, <code>polis user link NAME</code> makes a new one.</p>',
  )
}

function page(title: string, body: string): string {
  return (
    '<!doctype html><html lang="en"><head><meta charset="utf-8">' +
    '<meta name="viewport" content="width=device-width,initial-scale=1">' +
    `<title>${escape(title)}</title><style>${STYLE}</style></head>` +
    `<body><main><h1>${escape(title)}</h1>${body}</main></body></html>`
  )
}

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
