//! Links between real nodes on loopback, with throwaway authorities.

mod deadlines;
mod disturbed;
mod hostile;
mod meeting;
mod refused;
mod support;
