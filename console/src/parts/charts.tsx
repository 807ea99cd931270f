/** Charts; loaded with the first page that shows one. */
import { Area, AreaChart, CartesianGrid, ResponsiveContainer, Tooltip, XAxis, YAxis } from 'recharts';
import { dayName, number } from '../lib/format.ts';

interface Row {
  date: string;
  one: number;
  two: number;
  three: number;
}

const SERIES = ['one', 'two', 'three'] as const;
const COLOURS = { one: 'var(--chart-1)', two: 'var(--chart-2)', three: 'var(--chart-3)' };

export function Trend({ rows, names }: { rows: Row[]; names: readonly [string, string, string] }) {
  const sums = SERIES.map((key, index) => `${names[index]}: ${number(rows.reduce((sum, row) => sum + row[key], 0))}`);
  return (
    <figure>
      <div className="chart">
        <ResponsiveContainer width="100%" height="100%">
          <AreaChart
            data={rows}
            margin={{ top: 8, right: 8, bottom: 0, left: -22 }}
            title={`By day. ${sums.join(', ')}.`}
          >
            <CartesianGrid stroke="var(--line)" vertical={false} />
            <XAxis
              dataKey="date"
              tickFormatter={(day: string) => dayName(day)}
              stroke="var(--muted)"
              fontSize={12}
              tickLine={false}
              minTickGap={36}
            />
            <YAxis allowDecimals={false} stroke="var(--muted)" fontSize={12} tickLine={false} axisLine={false} />
            <Tooltip
              content={(props) => <Tip {...(props as unknown as TipProps)} names={names} />}
              isAnimationActive={false}
            />
            {SERIES.map((key) => (
              <Area
                key={key}
                type="linear"
                dataKey={key}
                stroke={COLOURS[key]}
                strokeWidth={2}
                fill={COLOURS[key]}
                fillOpacity={0.09}
                isAnimationActive={false}
                dot={rows.length === 1}
              />
            ))}
          </AreaChart>
        </ResponsiveContainer>
      </div>
      <figcaption className="legend">
        {SERIES.map((key, index) => (
          <span key={key} className={key}>
            {names[index]}
          </span>
        ))}
      </figcaption>
    </figure>
  );
}

interface TipProps {
  active?: boolean;
  label?: string;
  payload?: { dataKey: (typeof SERIES)[number]; value: number }[];
}

function Tip({ active, label, payload, names }: TipProps & { names: readonly string[] }) {
  if (!active || !payload || !label) return null;
  return (
    <div className="tip">
      <strong>{dayName(label, { weekday: 'long', month: 'short', day: 'numeric' })}</strong>
      {payload.map(({ dataKey, value }) => (
        <div key={dataKey}>
          {names[SERIES.indexOf(dataKey)]}: {number(value)}
        </div>
      ))}
    </div>
  );
}
