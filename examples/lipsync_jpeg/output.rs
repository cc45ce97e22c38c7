//! Where the encoded frames go.

use crate::contact_sheet::ContactSheet;
use crate::options::{Options, is_mp4, is_standard_stream};
use std::fs::File;
use std::io::{Error, ErrorKind, Result, Write};
use std::path::{Path, PathBuf};

const BOUNDARY: &str = "lipsyncframe";

/// What files of these media types are called, where their names do not say it.
const EXTENSIONS: [(&str, &str); 7] = [
    ("application/ogg", "ogg"),
    ("image/jpeg", "jpg"),
    ("video/mpegts", "ts"),
    ("video/ogg", "ogv"),
    ("video/quicktime", "mov"),
    ("video/x-matroska", "mkv"),
    ("video/x-msvideo", "avi"),
];

pub struct Output {
    target: Target,
    /// Chosen when the first buffer says what the encoder makes
    writer: Option<Writer>,
    contact_sheet: Option<ContactSheet>,
    n_buffers: u64,
    n_bytes: u64,
}

enum Target {
    Nothing,
    Directory(PathBuf),
    /// One file for all, there from the start: whether it can be should not turn out after hours
    File(PathBuf, Option<File>),
    Stdout,
}

enum Writer {
    Nothing,
    /// A file for each image
    Images {
        directory: PathBuf,
        extension: String,
    },
    /// One file for all
    Stream {
        path: PathBuf,
        file: File,
    },
    Multipart {
        media_type: String,
    },
}

impl Output {
    pub fn new(options: &Options) -> std::result::Result<Self, String> {
        let target = match &options.output {
            None => Target::Nothing,
            Some(path) if is_standard_stream(path) => Target::Stdout,
            Some(path) if is_mp4(path) => {
                let file = File::create(path)
                    .map_err(|error| format!("--output {}: {error}", path.display()))?;
                Target::File(path.clone(), Some(file))
            }
            Some(path) => {
                std::fs::create_dir_all(path)
                    .map_err(|error| format!("--output {}: {error}", path.display()))?;
                Target::Directory(path.clone())
            }
        };
        let contact_sheet = options
            .contact_sheet
            .as_deref()
            .map(ContactSheet::create)
            .transpose()?;
        Ok(Self {
            target,
            writer: None,
            contact_sheet,
            n_buffers: 0,
            n_bytes: 0,
        })
    }

    /// Writes what the encoder made of a frame. `caps` say what it is.
    pub fn write(&mut self, caps: &gst::CapsRef, data: &[u8]) -> Result<()> {
        let media_type = caps
            .structure(0)
            .map_or("unknown", |structure| structure.name().as_str());
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => {
                let writer = Writer::new(&mut self.target, caps, media_type)?;
                self.writer.insert(writer)
            }
        };
        writer.write(self.n_buffers + 1, data)?;
        if let Some(sheet) = &mut self.contact_sheet {
            sheet.add(media_type, caps, data)?;
        }
        self.n_buffers += 1;
        self.n_bytes += data.len() as u64;
        Ok(())
    }

    pub fn is_empty(&self) -> bool {
        self.n_buffers == 0
    }

    pub fn summary(&self) -> String {
        match self.writer {
            Some(Writer::Stream { .. }) => format!("{} bytes in all", self.n_bytes),
            _ => format!("{} bytes per image", self.n_bytes / self.n_buffers.max(1)),
        }
    }

    /// Completes what must be completed at the end, of `n_frames` frames.
    pub fn finish(&mut self, n_frames: u64) -> Result<()> {
        let end = match &self.writer {
            Some(Writer::Multipart { .. }) => print(format!("--{BOUNDARY}--\r\n").as_bytes()),
            _ => Ok(()),
        };
        if let Target::File(path, _) = &self.target
            && n_frames == 0
        {
            // There can be a head in it of a video of nothing.
            std::fs::remove_file(path)?;
        }
        if let Some(sheet) = self.contact_sheet.take() {
            sheet.finish()?;
        }
        // A reader that went away has all that it wanted.
        end.or_else(|error| match error.kind() {
            ErrorKind::BrokenPipe => Ok(()),
            _ => Err(error),
        })
    }
}

impl Writer {
    fn new(target: &mut Target, caps: &gst::CapsRef, media_type: &str) -> Result<Self> {
        let is_image = media_type.starts_with("image/");
        let extension = extension(caps, media_type);
        match target {
            Target::Nothing => Ok(Self::Nothing),
            Target::Directory(directory) if is_image => Ok(Self::Images {
                directory: directory.clone(),
                extension: extension.into(),
            }),
            Target::Directory(directory) => {
                let path = directory.join(format!("stream.{extension}"));
                let file = File::create(&path).map_err(|error| in_file(&path, error))?;
                Ok(Self::Stream { path, file })
            }
            Target::File(path, file) => match file.take() {
                Some(file) => Ok(Self::Stream {
                    path: path.clone(),
                    file,
                }),
                None => Err(Error::other(format!("{} is closed", path.display()))),
            },
            Target::Stdout if is_image => Ok(Self::Multipart {
                media_type: media_type.into(),
            }),
            Target::Stdout => Err(Error::other(format!(
                "--output - is a stream of images, but the encoder makes {media_type}: choose \
                 jpegenc, pngenc or webpenc, or a folder for --output"
            ))),
        }
    }

    fn write(&mut self, number: u64, data: &[u8]) -> Result<()> {
        match self {
            Self::Nothing => Ok(()),
            Self::Images {
                directory,
                extension,
            } => {
                let path = directory.join(format!("frame-{number:05}.{extension}"));
                std::fs::write(&path, data).map_err(|error| in_file(&path, error))
            }
            Self::Stream { path, file } => {
                file.write_all(data).map_err(|error| in_file(path, error))
            }
            Self::Multipart { media_type } => {
                let header = format!(
                    "--{BOUNDARY}\r\nContent-Type: {media_type}\r\nContent-Length: {}\r\n\r\n",
                    data.len()
                );
                print(&[header.as_bytes(), data, b"\r\n"].concat())
            }
        }
    }
}

/// What the names of files that are as `caps` say end in.
fn extension<'a>(caps: &gst::CapsRef, media_type: &'a str) -> &'a str {
    let is_mp4 = caps.structure(0).is_some_and(|structure| {
        structure
            .get::<&str>("variant")
            .is_ok_and(|variant| variant.starts_with("iso"))
    });
    if is_mp4 {
        return "mp4";
    }
    let known = EXTENSIONS.iter().find(|(known, _)| *known == media_type);
    let (_, name) = media_type.split_once('/').unwrap_or(("", media_type));
    known.map_or(name.strip_prefix("x-").unwrap_or(name), |(_, extension)| {
        extension
    })
}

/// Writes to standard output, for whoever reads there to get at once.
fn print(data: &[u8]) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout
        .write_all(data)
        .and_then(|()| stdout.flush())
        .map_err(|error| in_file(Path::new("standard output"), error))
}

/// `error`, with the file that it happened to.
fn in_file(path: &Path, error: Error) -> Error {
    Error::new(error.kind(), format!("{}: {error}", path.display()))
}
