// What a user has written and the server has not confirmed, kept by the browser so that it survives
// a reload, a crash and an empty battery.

/** A message that is not confirmed yet. */
export interface Draft {
  /** The sender's own id: the server stores the message once, however often it is sent. */
  clientMessageId: string;
  /** The user it is for. */
  peer: string;
  text: string;
  /** When it was written, in milliseconds since 1970. */
  writtenAt: number;
  /** Why the server refused it for good. Such a draft waits for its user. */
  error?: string;
}

/** Where drafts are kept. Every method may fail; then a draft lives as long as the page. */
export interface Outbox {
  /** All drafts, oldest first. */
  all(): Promise<Draft[]>;
  put(draft: Draft): Promise<void>;
  remove(clientMessageId: string): Promise<void>;
}

/** An outbox that lives as long as the page: for tests, and where there is no IndexedDB. */
export function memoryOutbox(): Outbox {
  const drafts = new Map<string, Draft>();
  return {
    all: async () => [...drafts.values()],
    put: async (draft) => void drafts.set(draft.clientMessageId, draft),
    remove: async (id) => void drafts.delete(id),
  };
}

/** The outbox of one user in this browser's IndexedDB; all tabs of the user share it. */
export function indexedDbOutbox(user: string): Outbox {
  let opened: Promise<IDBDatabase> | undefined;

  const open = () =>
    (opened ??= new Promise((resolve, reject) => {
      const request = indexedDB.open(`chat-outbox:${user}`, 1);
      request.onupgradeneeded = () => request.result.createObjectStore('drafts', { keyPath: 'clientMessageId' });
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    }));

  async function run<T>(mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
    const transaction = (await open()).transaction('drafts', mode);
    const request = work(transaction.objectStore('drafts'));
    return new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve(request.result);
      transaction.onerror = transaction.onabort = () => reject(transaction.error);
    });
  }

  return {
    all: async () => {
      const drafts = await run('readonly', (store) => store.getAll() as IDBRequest<Draft[]>);
      return drafts.sort((a, b) => a.writtenAt - b.writtenAt);
    },
    put: async (draft) => void (await run('readwrite', (store) => store.put(draft))),
    remove: async (id) => void (await run('readwrite', (store) => store.delete(id))),
  };
}
