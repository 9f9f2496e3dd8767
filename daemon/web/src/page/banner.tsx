import { useEffect, useState } from 'react';
import type { Chat, ConnectionState } from '../chat.ts';
import { texts } from '../texts.ts';

const kPatienceMs = 1_200; // a reconnect that is quicker is nobody's business

/** Says why nothing is live. */
export function Banner({ chat, connection }: { chat: Chat; connection: ConnectionState }) {
  const { status } = connection;
  const waits = status === 'connecting' || status === 'reconnecting';
  const [patient, setPatient] = useState(true);
  useEffect(() => {
    setPatient(true);
    if (!waits) return;
    const timer = setTimeout(() => setPatient(false), kPatienceMs);
    return () => clearTimeout(timer);
  }, [waits]);

  if (status === 'online' || (waits && patient)) return <div role="status" />;
  return (
    <div role="status" className={`banner banner-${status}`}>
      <span>{status === 'refused' ? texts.banner.refused(connection.reason ?? '') : texts.banner[status]}</span>
      {!waits && <button type="button" className="link" onClick={() => chat.reconnect()}>{texts.banner.again}</button>}
    </div>
  );
}
