//! Content codings (RFC 9110 section 8.4.1): which one a body has, and undoing it piece by piece.
//!
//! One coding at most: a body packed twice unpacks to a million times its size, and no log shipper sends one.

use flate2::{Decompress, FlushDecompress, Status};
use hyper::header::{CONTENT_ENCODING, HeaderMap};
use zstd::zstd_safe::{self, DCtx, DParameter, InBuffer, OutBuffer};

use super::Refusal;

/// The largest window of a zstd frame, as a power of two: the 8 MiB that RFC 9659 sets for HTTP. zstd itself would
/// allocate up to 128 MiB for a frame that only claims to need it.
const ZSTD_WINDOW_LOG: u32 = 23;

/// Bytes that a gzip or deflate decoder holds: a window of 32 KiB and its tables, rounded up.
const FLATE_MEMORY: usize = 64 * 1024;

/// How a body is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// Not at all.
    Identity,
    /// RFC 1952, of one member or more.
    Gzip,
    /// RFC 1950, that is with zlib's header; RFC 9110 section 8.4.1.2.
    Deflate,
    /// RFC 8878, of one frame or more.
    Zstd,
}

impl Coding {
    /// Reads `Content-Encoding`.
    ///
    /// # Errors
    /// 415 if the coding is unknown, or if there is more than one.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
        let mut found = Self::Identity;
        let values = headers.get_all(CONTENT_ENCODING);
        for name in values.into_iter().flat_map(|value| value.as_bytes().split(|&byte| byte == b',')) {
            let coding = match name.trim_ascii().to_ascii_lowercase().as_slice() {
                b"" | b"identity" => continue,
                b"gzip" | b"x-gzip" => Self::Gzip,
                b"deflate" => Self::Deflate,
                b"zstd" => Self::Zstd,
                _ => return Err(Refusal::unsupported("The content coding must be gzip, deflate or zstd.")),
            };
            if found != Self::Identity {
                return Err(Refusal::unsupported("The body may have one content coding only."));
            }
            found = coding;
        }
        Ok(found)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Zstd => "zstd",
        }
    }

    fn broken(self, why: &str) -> Refusal {
        Refusal::bad_request(format!("The body is not valid {}: {why}.", self.name()))
    }
}

/// Unpacks a body that comes in pieces.
pub(super) struct Decoder {
    coding: Coding,
    state: State,
    /// Whether the input so far ends where a body may end.
    complete: bool,
}

enum State {
    Flate(Decompress),
    Zstd(DCtx<'static>),
}

/// What one step did.
pub(super) struct Step {
    /// Bytes of input read.
    pub(super) consumed: usize,
    /// Bytes of output written.
    pub(super) produced: usize,
}

impl Decoder {
    /// A decoder for `coding`; none for [`Coding::Identity`], which needs none.
    ///
    /// # Errors
    /// 500 if memory for it can't be had.
    pub(super) fn new(coding: Coding) -> Result<Option<Self>, Refusal> {
        let state = match coding {
            Coding::Identity => return Ok(None),
            Coding::Gzip => State::Flate(Decompress::new_gzip(15)),
            Coding::Deflate => State::Flate(Decompress::new(true)),
            Coding::Zstd => {
                let mut context = DCtx::try_create().ok_or_else(Refusal::internal)?;
                let limit = DParameter::WindowLogMax(ZSTD_WINDOW_LOG);
                context.set_parameter(limit).map_err(|_| Refusal::internal())?;
                State::Zstd(context)
            }
        };
        Ok(Some(Self { coding, state, complete: false }))
    }

    /// Unpacks from `input` into `output`, as much as fits.
    ///
    /// # Errors
    /// 400 if the input is not of this coding.
    pub(super) fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Refusal> {
        match &mut self.state {
            State::Flate(state) => {
                if self.complete {
                    if self.coding != Coding::Gzip {
                        return Err(self.coding.broken("bytes follow its end"));
                    }
                    state.reset(true);
                }
                let (read, written) = (state.total_in(), state.total_out());
                let status = state.decompress(input, output, FlushDecompress::None);
                let status = status.map_err(|_| self.coding.broken("it is damaged"))?;
                self.complete = status == Status::StreamEnd;
                let consumed = (state.total_in() - read) as usize;
                Ok(Step { consumed, produced: (state.total_out() - written) as usize })
            }
            State::Zstd(context) => {
                let (mut input, mut output) = (InBuffer::around(input), OutBuffer::around(output));
                let hint = context.decompress_stream(&mut output, &mut input);
                let hint = hint.map_err(|code| self.coding.broken(zstd_safe::get_error_name(code)))?;
                self.complete = hint == 0;
                Ok(Step { consumed: input.pos(), produced: output.pos() })
            }
        }
    }

    /// Whether the input so far ends where a body may end.
    pub(super) fn is_complete(&self) -> bool {
        self.complete
    }

    /// 400: the body ended too soon.
    pub(super) fn truncated(&self) -> Refusal {
        self.coding.broken("it ends too soon")
    }

    /// Bytes that the decoder holds at this moment. zstd's grow when a frame's header asks for a window.
    pub(super) fn memory(&self) -> usize {
        match &self.state {
            State::Flate(_) => FLATE_MEMORY,
            State::Zstd(context) => context.sizeof(),
        }
    }
}

#[cfg(test)]
mod tests {
    use hyper::StatusCode;
    use hyper::header::HeaderValue;

    use super::*;

    fn of(values: &[&'static str]) -> Result<Coding, StatusCode> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(CONTENT_ENCODING, HeaderValue::from_static(value));
        }
        Coding::of(&headers).map_err(|refusal| refusal.status())
    }

    #[test]
    fn one_known_coding_is_accepted() {
        assert_eq!(of(&[]), Ok(Coding::Identity));
        assert_eq!(of(&["identity"]), Ok(Coding::Identity));
        assert_eq!(of(&["GZIP"]), Ok(Coding::Gzip));
        assert_eq!(of(&["identity, deflate"]), Ok(Coding::Deflate));
        assert_eq!(of(&["zstd"]), Ok(Coding::Zstd));
    }

    #[test]
    fn nested_and_unknown_codings_are_415() {
        for values in [&["gzip, gzip"][..], &["gzip", "zstd"], &["br"], &["gzip;q=1"]] {
            assert_eq!(of(values), Err(StatusCode::UNSUPPORTED_MEDIA_TYPE), "{values:?}");
        }
    }
}
