import type { ReactElement } from 'react';

/** Our own small set: 16 x 16, one stroke weight, colour of the text around it. */
const paths = {
  overview: 'M2.5 2.5h4.5v5H2.5zM9 2.5h4.5v3H9zM9 7.5h4.5v6H9zM2.5 9.5H7v4H2.5z',
  topology: 'M2 2.5h4v4H2zM10 2.5h4v4h-4zM6 11h4v-1.500M6 9.500h4v4H6zM4 6.500V11h2M12 6.500V11h-2M6 4.500h4',
  servers:
    'M2.5 2.500h11v3.200h-11zM2.500 6.400h11v3.200h-11zM2.500 10.300h11v3.200h-11zM4.800 4.100h.01M4.800 8h.01M4.800 11.900h.01M9.500 4.100h2M9.500 8h2M9.500 11.900h2',
  arrays: 'M2 3h12v10H2zM4.500 5.500v5M7 5.500v5M9.500 5.500v5M12 5.500v5',
  replication: 'M2 5.5h11M10.5 3 13 5.5 10.5 8M14 10.5H3M5.5 8 3 10.5 5.5 13',
  recovery: 'M13.5 8a5.5 5.5 0 1 1-1.7-4M13.5 1.8V4.4H10.9M8 5v3.2l2.2 1.3',
  faults: 'M8.8 1.5 3.5 9h3.8l-.6 5.5L12.5 7H8.6z',
  events: 'M2.5 3.5h11M2.5 8h11M2.5 12.5h7',
  bell: 'M3.5 11.5h9c-1-1-1.3-2-1.3-4.4C11.2 5 9.9 3.3 8 3.3S4.8 5 4.8 7.1c0 2.4-.3 3.4-1.3 4.4zM6.7 13.6c.7.6 1.9.6 2.6 0M8 3.3V2',
  jobs: 'M3 4.5h10M3 8h6M3 11.5h8M13 8h.01',
  sun: 'M8 5.2a2.8 2.8 0 1 1 0 5.6 2.8 2.8 0 0 1 0-5.6zM8 1.5v1.3M8 13.2v1.3M1.5 8h1.3M13.2 8h1.3M3.4 3.4l.9.9M11.7 11.7l.9.9M3.4 12.6l.9-.9M11.7 4.3l.9-.9',
  moon: 'M13.2 9.6A5.6 5.6 0 0 1 6.4 2.8a5.6 5.6 0 1 0 6.8 6.8z',
  system: 'M2 3h12v8H2zM6 14h4M8 11v3',
  check: 'M3 8.5 6.3 12 13 4.5',
  'check-circle': 'M8 1.8a6.2 6.2 0 1 1 0 12.4A6.2 6.2 0 0 1 8 1.8zM5.2 8.2l2 2 3.6-4',
  clock: 'M8 1.8a6.2 6.2 0 1 1 0 12.4A6.2 6.2 0 0 1 8 1.8zM8 4.8V8l2.2 1.4',
  warning: 'M8 2.2 14.4 13.3H1.6zM8 6.4v3.4M8 11.5v.01',
  cross: 'M4 4l8 8M12 4l-8 8',
  'cross-circle': 'M8 1.8a6.2 6.2 0 1 1 0 12.4A6.2 6.2 0 0 1 8 1.8zM5.8 5.8l4.4 4.4M10.2 5.8l-4.4 4.4',
  sync: 'M13 6.4A5.3 5.3 0 0 0 3.6 5M3 9.6A5.3 5.3 0 0 0 12.4 11M3.4 2.4V5H6M12.6 13.6V11H10',
  pause: 'M5.5 3.5v9M10.5 3.5v9',
  play: 'M5 3.2 12.5 8 5 12.8z',
  fork: 'M4.5 2v12M4.5 8.5c4 0 7-.8 7-4.5M9.5 5.8l2-2 2 2',
  dash: 'M3.5 8h9',
  circle: 'M8 3.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9z',
  lock: 'M3.8 7.2h8.4v6.3H3.8zM5.4 7.2V5a2.6 2.6 0 0 1 5.2 0v2.2',
  copy: 'M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3',
  table: 'M2.5 3h11v10h-11zM2.5 6.3h11M2.5 9.6h11M6.5 6.3V13',
  chart: 'M2.5 2.5v11h11M4.8 10l2.6-3.2 2.2 1.8 3.4-4.4',
  arrow: 'M2.5 8h11M10 4.5 13.5 8 10 11.5',
  chevron: 'M6 3.5 10.5 8 6 12.5',
  'chevron-down': 'M3.5 6 8 10.5 12.5 6',
  server: 'M2.5 3h11v4h-11zM2.5 9h11v4h-11zM5 5h.01M5 11h.01',
  site: 'M3 13.5v-11h6v11M9 6h4v7.5M2 13.5h12M5.2 5h1.6M5.2 7.6h1.6M5.2 10.2h1.6',
  disk: 'M2.5 4.6C2.5 3.4 5 2.5 8 2.5s5.5.9 5.5 2.1S11 6.7 8 6.7s-5.5-.9-5.5-2.1zM2.5 4.6v6.8c0 1.2 2.5 2.1 5.5 2.1s5.5-.9 5.5-2.1V4.6M2.5 8c0 1.2 2.5 2.1 5.5 2.1s5.5-.9 5.5-2.1',
  plus: 'M8 3v10M3 8h10',
  folder: 'M1.8 4h4.4l1.4 1.6h6.6v7H1.8z',
  link: 'M6.6 9.4a2.6 2.6 0 0 0 3.7 0l2.2-2.2a2.6 2.6 0 0 0-3.7-3.7l-.9.9M9.4 6.6a2.6 2.6 0 0 0-3.7 0L3.5 8.8a2.6 2.6 0 0 0 3.7 3.7l.9-.9',
  shield: 'M8 1.8 13 3.6v4c0 3.2-2 5.4-5 6.6-3-1.2-5-3.4-5-6.6v-4zM5.8 8l1.6 1.7L10.4 6.4',
  search: 'M7 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9zM10.4 10.4l3.1 3.1',
  info: 'M8 1.8a6.2 6.2 0 1 1 0 12.4A6.2 6.2 0 0 1 8 1.8zM8 7.4v3.8M8 4.8v.01',
  flag: 'M3.5 14V2.5M3.5 3h8.5l-2 3 2 3H3.5',
  settings:
    'M2.5 4.500h5M11 4.500h2.500M9.250 2.800a1.700 1.700 0 1 1 0 3.400 1.700 1.700 0 0 1 0-3.400zM2.5 11.500h2.500M8.5 11.500h5M6.750 9.800a1.700 1.700 0 1 1 0 3.400 1.700 1.700 0 0 1 0-3.400z',
  more: 'M3.5 8h.01M8 8h.01M12.5 8h.01',
  sort: 'M5 6.5 8 3.5l3 3M5 9.5l3 3 3-3',
  up: 'M4 9.5 8 5.5l4 4',
  down: 'M4 6.5l4 4 4-4',
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }): ReactElement {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth={1.4}
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={paths[name]} />
    </svg>
  );
}

/** The mark of the product: two images in lockstep. */
export function Logo({ size = 22 }: { size?: number }): ReactElement {
  return (
    <svg width={size} height={size} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <rect x="2" y="2" width="20" height="20" rx="6" fill="#3d4ec4" />
      <path d="M7 7v7.2a2 2 0 0 0 2 2h2.4" fill="none" stroke="#fff" strokeWidth="2.1" strokeLinecap="round" />
      <path
        d="M17 17V9.800a2 2 0 0 0-2-2h-2.400"
        fill="none"
        stroke="#b9c0f0"
        strokeWidth="2.1"
        strokeLinecap="round"
      />
    </svg>
  );
}
