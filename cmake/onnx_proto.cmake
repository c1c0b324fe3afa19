# ONNX's file format: C++ for protobuf's small runtime, made from the description that Debian's libonnx-dev
# brings. Nothing else of ONNX is compiled or linked.
find_file(ONNX_PROTO onnx/onnx.proto REQUIRED)
set(ONNX_GENERATED ${CMAKE_BINARY_DIR}/onnx_proto)
file(MAKE_DIRECTORY ${ONNX_GENERATED})
get_filename_component(ONNX_PROTO_FOLDER ${ONNX_PROTO} DIRECTORY)
add_custom_command(
  OUTPUT ${ONNX_GENERATED}/onnx.pb.cc ${ONNX_GENERATED}/onnx.pb.h
  COMMAND protobuf::protoc --cpp_out=lite:${ONNX_GENERATED} -I ${ONNX_PROTO_FOLDER} ${ONNX_PROTO}
  DEPENDS ${ONNX_PROTO}
  VERBATIM)
# A library of its own, without our warnings; its header is a system's for those who include it.
add_library(onnx_proto STATIC ${ONNX_GENERATED}/onnx.pb.cc ${ONNX_GENERATED}/onnx.pb.h)
target_include_directories(onnx_proto SYSTEM PUBLIC ${ONNX_GENERATED})
target_link_libraries(onnx_proto PUBLIC protobuf::libprotobuf-lite)
