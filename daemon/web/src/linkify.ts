// Finds the links of a text. Only http and https, without a user name in it, become links; all else
// stays text, so no message can carry a script or a disguised host.

export interface Part {
  text: string;
  href?: string;
}

const kCandidate = /https?:\/\/[^\s<>"'`{}|\\^\u0000-\u001f\u200b-\u200f\u202a-\u202e\u2060-\u2069]+/giu;

export function linkify(text: string): Part[] {
  const parts: Part[] = [];
  let end = 0;
  for (const match of text.matchAll(kCandidate)) {
    const shown = withoutTail(match[0]);
    const href = safe(shown);
    if (!href) continue;
    if (match.index > end) parts.push({ text: text.slice(end, match.index) });
    parts.push({ text: shown, href });
    end = match.index + shown.length;
  }
  if (end < text.length || parts.length === 0) parts.push({ text: text.slice(end) });
  return parts;
}

function safe(candidate: string): string | undefined {
  try {
    const url = new URL(candidate);
    const web = url.protocol === 'http:' || url.protocol === 'https:';
    return web && url.hostname && !url.username && !url.password ? url.href : undefined;
  } catch {
    return undefined;
  }
}

// Punctuation behind a link belongs to the sentence; so does a bracket that was opened before it.
function withoutTail(candidate: string): string {
  let link = candidate.replace(/[.,;:!?…*_~]+$/u, '');
  for (const [open, close] of [['(', ')'], ['[', ']']] as const) {
    while (link.endsWith(close) && link.split(close).length > link.split(open).length) link = link.slice(0, -1);
  }
  return link === candidate ? link : withoutTail(link);
}
