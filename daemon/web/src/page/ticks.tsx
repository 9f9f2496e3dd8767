import type { SendState } from '../chat.ts';
import { texts } from '../texts.ts';

const kPaths: Record<SendState, string> = {
  sending: 'M8 3.500v4.500l3 2 M8 1.500a6.500 6.500 0 1 0 0 13a6.500 6.500 0 1 0 0-13',
  sent: 'M3 8.500l3.500 3.500L13.500 4.500',
  delivered: 'M1 8.500l3.500 3.500L11 4.500 M8.500 12L15.500 4.500',
  read: 'M1 8.500l3.500 3.500L11 4.500 M8.500 12L15.500 4.500',
  failed: 'M8 4v5 M8 11.500v.5 M8 1.500a6.500 6.500 0 1 0 0 13a6.500 6.500 0 1 0 0-13',
};

/** How far a message has come: a clock, one tick, two ticks, two ticks in colour, or a warning. */
export function Ticks({ state }: { state: SendState }) {
  return (
    <svg className={`ticks ticks-${state}`} viewBox="0 0 16 16" width="15" height="15" role="img" aria-label={texts.state[state]}>
      <path d={kPaths[state]} fill="none" stroke="currentColor" strokeWidth="1.7" strokeLinecap="round" strokeLinejoin="round" />
    </svg>
  );
}
