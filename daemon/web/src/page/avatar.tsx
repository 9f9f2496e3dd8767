const kHues = 8;

/** A person's initial on a colour of their own. Decoration: the name stands beside it. */
export function Avatar({ user, online = false }: { user: string; online?: boolean | undefined }) {
  let hash = 0;
  for (const char of user) hash = (hash * 31 + char.codePointAt(0)!) >>> 0;
  const initial = [...new Intl.Segmenter().segment(user)][0]?.segment.toLocaleUpperCase() ?? '';
  return (
    <span className={`avatar hue-${hash % kHues}`} aria-hidden="true">
      {initial}
      {online && <span className="online-dot" />}
    </span>
  );
}
