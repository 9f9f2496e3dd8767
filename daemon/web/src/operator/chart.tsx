// A line chart of the last minutes.

export interface Line {
  name: string;
  points: readonly (number | undefined)[]; // the newest last
}

interface Props {
  title: string;
  lines: readonly Line[];
  length: number; // of the points that fill the width
  format: (value: number) => string;
  hint: string;
}

const kWidth = 300;
const kHeight = 72;

export function Chart({ title, lines, length, format, hint }: Props) {
  const values = lines.flatMap((line) => line.points.filter((point) => point !== undefined));
  const top = Math.max(...values, 0) || 1;
  const newest = lines.map((line) => `${line.name} ${shown(line.points.at(-1), format)}`).join(', ');
  return (
    <figure className="chart">
      <figcaption>
        <h2>{title}</h2>
        <ul>
          {lines.map((line, i) => (
            <li key={line.name} className={`line-${i}`}>
              <strong>{shown(line.points.at(-1), format)}</strong> {line.name}
            </li>
          ))}
        </ul>
      </figcaption>
      <svg viewBox={`0 0 ${kWidth} ${kHeight}`} preserveAspectRatio="none" role="img" aria-label={`${title}, ${hint}: ${newest}`}>
        <line x1="0" x2={kWidth} y1={kHeight - 0.5} y2={kHeight - 0.5} className="axis" />
        {lines.map((line, i) => (
          <path key={line.name} className={`line-${i}`} d={pathOf(line.points, length, top)} vectorEffect="non-scaling-stroke" />
        ))}
      </svg>
      {values.length > 0 && <span className="hint top">{format(top)}</span>}
    </figure>
  );
}

function shown(value: number | undefined, format: (value: number) => string): string {
  return value === undefined ? '–' : format(value);
}

// A gap in the points is a gap in the line.
function pathOf(points: readonly (number | undefined)[], length: number, top: number): string {
  let path = '';
  let pen = false;
  points.forEach((point, i) => {
    if (point === undefined) return void (pen = false);
    const x = (kWidth * (length - points.length + i)) / (length - 1);
    const y = kHeight - 2 - ((kHeight - 6) * point) / top;
    path += `${pen ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`;
    pen = true;
  });
  return path;
}
