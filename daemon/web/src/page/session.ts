// Who this tab is signed in as: in the tab's own storage, so that two tabs can be two users, a reload
// stays signed in, and a tab that is opened from here is the same user.

export interface Credentials {
  user?: string;
  token?: string;
}

const kKey = 'chat-credentials';

/** What the tab remembers; `/?user=ann` signs in by name. */
export function remembered(): Credentials | undefined {
  const named = new URLSearchParams(location.search).get('user');
  if (named) {
    history.replaceState(null, '', location.pathname + location.hash);
    remember({ user: named });
  }
  try {
    return JSON.parse(sessionStorage.getItem(kKey) ?? 'null') ?? undefined;
  } catch {
    return undefined;
  }
}

export function remember(credentials: Credentials): void {
  sessionStorage.setItem(kKey, JSON.stringify(credentials));
}

export function forget(): void {
  sessionStorage.removeItem(kKey);
}

/** Calls one of chatd's routes as this user. */
export function call(credentials: Credentials, path: string): Promise<Response> {
  if (credentials.token) return fetch(path, { headers: { authorization: `Bearer ${credentials.token}` } });
  return fetch(`${path}${path.includes('?') ? '&' : '?'}userId=${encodeURIComponent(credentials.user ?? '')}`);
}

/** Does the server believe names (chatd --dev)? */
export async function takesNames(): Promise<boolean> {
  const response = await call({ user: 'somebody' }, '/v1/conversations?limit=1').catch(() => undefined);
  return response === undefined || response.ok;
}
