//! Weights of the features, fitted by logistic regression on the pages with even numbers of the sets of
//! scrapinghub and of Readability and on English pages of the LibreOffice help, in sixteenths of the
//! logarithm of odds: `benches/peers/boilerplate_lines.py` says how lines are labelled.

use super::features::FEATURES;

/// The score of a line without features.
pub(super) const BASE: i16 = 2;

/// By feature.
#[rustfmt::skip]
pub(super) static WEIGHTS: [i16; FEATURES] = [
    -30, -1, -3, -12, -26, -8, -13, -9, -4, -17, 7, -12, 16, 8, -2, 8, 6, -1, -7, -10, 4, 10, -3,
    -20, -21, 7, 10, -12, 7, -19, 14, 22, -26, 31, -19, 14, 22, 15, 40, -14, 1, -1, 6, 11, -10,
    14, 4, -5, 2, -5, -1, 2, 7, -10, 6, 26, 9, 2, -3, 4, 33, 6, 15, -25, -32, -36, -8, -21, -30,
    -15, 7, -21, -17, -24, 18, 2, -19, -7, -1, 0, 12, -3, 8, -4, 6, -4, 6, -9, 4, -10, 8, 0, -7,
    -16, -9, 3, -1, 10, -7, 8, -1, 2, -2, 0, -2, 4, -4, 17, 5, -8, -5, -1, 0, -7, -2, 1, 2, -10,
    -15, 0, 6, -4, -2, 4, 6, -4, 1, -3, 1, 9, 6, -3, -13, 6, 7, 1, -2, 0, -5, -8, 7, 6, -3, -4,
    -1, 1, -8, 6, 3, -7, -7, 4, -3, -13, -2, 0, 2, 10, 9, -11, -8, -1, 6, -1, 12, 9, 2, -3, -14,
    27,
];
