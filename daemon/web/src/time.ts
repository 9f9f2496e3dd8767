// Times as people read them, in the browser's language and zone.
import { texts } from './texts.ts';

const language = () => globalThis.navigator?.language ?? 'en';

function dayNumber(time: Date): number {
  return Math.floor((time.getTime() - time.getTimezoneOffset() * 60_000) / 86_400_000);
}

export function sameDay(a: string, b: string): boolean {
  return dayNumber(new Date(a)) === dayNumber(new Date(b));
}

/** "14:05" */
export function clock(time: string): string {
  return new Intl.DateTimeFormat(language(), { hour: '2-digit', minute: '2-digit' }).format(new Date(time));
}

/** "Today", "Yesterday", "Monday, 2 November" and, of other years, with the year. */
export function dayName(time: string, now = new Date()): string {
  const then = new Date(time);
  const ago = dayNumber(now) - dayNumber(then);
  if (ago === 0) return texts.chat.today;
  if (ago === 1) return texts.chat.yesterday;
  const year = then.getFullYear() === now.getFullYear() ? {} : { year: 'numeric' as const };
  return new Intl.DateTimeFormat(language(), { weekday: 'long', day: 'numeric', month: 'long', ...year }).format(then);
}

/** The clock for today, "Yesterday", or a short date. */
export function shortly(time: string, now = new Date()): string {
  const ago = dayNumber(now) - dayNumber(new Date(time));
  if (ago === 0) return clock(time);
  if (ago === 1) return texts.chat.yesterday;
  return new Intl.DateTimeFormat(language(), { day: 'numeric', month: 'short' }).format(new Date(time));
}
