import { createTheme, type CSSVariablesResolver, type MantineColorsTuple } from '@mantine/core';
import { i18next } from '../text/i18n.ts';

/** The one accent. Shade 8 is what filled controls use: white on it is 7:1. */
const iris: MantineColorsTuple = [
  '#eef0fd',
  '#dfe3fb',
  '#c2c9f6',
  '#a3aefa',
  '#8c9af8',
  '#7080ee',
  '#5a6ae0',
  '#4a5ad2',
  '#3d4ec4',
  '#3341a6',
];

const brick: MantineColorsTuple = [
  '#fdeeed',
  '#fbdcda',
  '#f6b9b4',
  '#f0938c',
  '#ea7067',
  '#e2564b',
  '#d5433a',
  '#c4352c',
  '#b3261e',
  '#931d17',
];

/** Mantine draws its dark surfaces from this tuple; these are the greys of tokens.css. */
const dark: MantineColorsTuple = [
  '#e7eaf0',
  '#a3adbb',
  '#939dab',
  '#6c7686',
  '#3a4150',
  '#252a34',
  '#1b1f27',
  '#14171d',
  '#0d0f13',
  '#08090c',
];

/** Mantine's own defaults fail AA in places, hence primaryShade 8, autoContrast and our own variables below. */
export const theme = createTheme({
  primaryColor: 'iris',
  primaryShade: 8,
  autoContrast: true,
  colors: { iris, brick, dark },
  fontFamily: 'var(--font-ui)',
  fontFamilyMonospace: 'var(--font-mono)',
  fontSizes: { xs: '12.5px', sm: '13px', md: '13px', lg: '15px', xl: '20px' },
  defaultRadius: 'sm',
  radius: { xs: '3px', sm: '5px', md: '8px', lg: '8px', xl: '8px' },
  cursorType: 'pointer',
  respectReducedMotion: true,
  focusRing: 'auto',
  components: {
    Button: { defaultProps: { size: 'xs', fz: 13, fw: 550 } },
    TextInput: { defaultProps: { size: 'xs' } },
    // In place, so that an open list belongs to the page's landmark, as its field does.
    Select: { defaultProps: { size: 'xs', comboboxProps: { withinPortal: false } } },
    NumberInput: { defaultProps: { size: 'xs' } },
    // For the same reason.
    Menu: { defaultProps: { withinPortal: false } },
    Tooltip: {
      defaultProps: { withinPortal: false, openDelay: 250, withArrow: false, transitionProps: { duration: 80 } },
    },
    Notification: { defaultProps: { closeButtonProps: { 'aria-label': i18next.t('common.dismiss') } } },
    // The page itself never scrolls; the library's scroll lock would add a style element that the CSP refuses.
    Modal: {
      defaultProps: { lockScroll: false, transitionProps: { duration: 120 } },
      styles: { title: { fontSize: 'var(--t-l)', fontWeight: 640, letterSpacing: '-0.01em' } },
    },
  },
});

/** Mantine draws with our tokens, so that a colour exists in one place only. */
export const cssVariables: CSSVariablesResolver = () => {
  const shared = {
    '--mantine-color-body': 'var(--surface)',
    '--mantine-color-text': 'var(--text)',
    '--mantine-color-dimmed': 'var(--dim)',
    '--mantine-color-placeholder': 'var(--faint)',
    '--mantine-color-anchor': 'var(--accent)',
    '--mantine-color-default': 'var(--surface)',
    '--mantine-color-default-hover': 'var(--hover)',
    '--mantine-color-default-color': 'var(--text)',
    '--mantine-color-default-border': 'var(--line-strong)',
    '--mantine-color-error': 'var(--bad)',
    '--mantine-color-disabled': 'var(--raised)',
    '--mantine-color-disabled-color': 'var(--faint)',
    '--mantine-color-disabled-border': 'var(--line)',
  };
  return { variables: {}, light: shared, dark: shared };
};
